import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { WEB_CHANNEL } from '../../../core/assurance.js';
import type { Clearing } from '../../clearing.js';
import { alarmParamsSchema, alarmSchema, alarmsSchema, clearanceBodySchema, toAlarm } from '../alarm-schemas.js';
import { PERSON, SESSION } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';

export interface AlarmRoutesOptions {
  clearing: Clearing;
  identify: Identify;
}

/** People see what is wrong with record, ledger or policy, and say when work may go on. */
export function alarmRoutes(scope: FastifyInstance, { clearing, identify }: AlarmRoutesOptions): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();
  const forPeople = { tags: ['alarms'], security: [PERSON, SESSION] };

  routes.get(
    '/alarms',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listAlarms',
        summary: 'List alarms, newest first',
        description: 'Those that stand, and those that were cleared within a week.',
        ...forPeople,
        response: withProblems({ 200: alarmsSchema }),
      },
    },
    async () => ({ alarms: (await clearing.list()).map(toAlarm) }),
  );

  routes.post(
    '/alarms/:digest/clearance',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'clearAlarm',
        summary: 'Say that an alarm was looked into, and work may go on',
        description: 'For who is in the group that the bundle names for lifting freezes. It clears this one alarm.',
        ...forPeople,
        params: alarmParamsSchema,
        body: clearanceBodySchema,
        response: withProblems({ 200: alarmSchema }),
      },
    },
    async (request) => {
      const { person, subject, session } = identify.personOf(request);
      const via = { channel: session === null ? 'api' : WEB_CHANNEL, subject: subject.slice(0, 200) };
      const { reason } = request.body;
      return toAlarm(await clearing.clear({ alarm: request.params.digest, reason, person, via }));
    },
  );
}
