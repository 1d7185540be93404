import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { WEB_CHANNEL } from '../../../core/assurance.js';
import { openFreezes } from '../../../record/freezes.js';
import type { Record as ActionRecord, Recorded } from '../../../record/record.js';
import type { Unfreezing } from '../../unfreezing.js';
import { PERSON, SESSION } from '../api-description.js';
import {
  agentParamsSchema,
  incidentsQuerySchema,
  incidentsSchema,
  unfreezeBodySchema,
  unfrozenSchema,
} from '../incident-schemas.js';
import { withProblems, type Identify } from '../route-parts.js';

export interface IncidentRoutesOptions {
  record: ActionRecord;
  unfreezing: Unfreezing;
  identify: Identify;
}

/** People see incidents, and lift what froze an agent. */
export function incidentRoutes(scope: FastifyInstance, { record, unfreezing, identify }: IncidentRoutesOptions): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();

  routes.get(
    '/incidents',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listIncidents',
        summary: 'List incidents, newest first',
        description: 'Effects of which something else was observed than had been declared.',
        tags: ['incidents'],
        security: [PERSON, SESSION],
        querystring: incidentsQuerySchema,
        response: withProblems({ 200: incidentsSchema }),
      },
    },
    async (request) => {
      const { agent, limit, before } = request.query;
      const page = await record.listIncidents({
        limit,
        ...(agent === undefined ? {} : { agent }),
        ...(before === undefined ? {} : { before: Number(before) }),
      });
      const next = page.next === null ? null : String(page.next);
      return { incidents: await withFreezes(record, page.incidents), unreadable: page.unreadable, next };
    },
  );

  routes.post(
    '/agents/:agent/unfreeze',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'unfreezeAgent',
        summary: 'Let a frozen agent act again',
        description:
          'For who is in the group that the bundle names, and neither owns nor prompts the agent, by whatever account. ' +
          'Lifts all that froze it; an agent that is not frozen stays as it is.',
        tags: ['incidents'],
        security: [PERSON, SESSION],
        params: agentParamsSchema,
        body: unfreezeBodySchema,
        response: withProblems({ 200: unfrozenSchema }),
      },
    },
    async (request) => {
      const { person, subject, session } = identify.personOf(request);
      const via = { channel: session === null ? 'api' : WEB_CHANNEL, subject: subject.slice(0, 200) };
      return unfreezing.unfreeze({ agent: request.params.agent, reason: request.body.reason, person, via });
    },
  );
}

/** Beside each incident, whether its agent is frozen for it right now. */
async function withFreezes(
  record: Pick<ActionRecord, 'freezesOf'>,
  incidents: readonly Recorded<'incident'>[],
): Promise<z.infer<typeof incidentsSchema>['incidents']> {
  const agents = [...new Set(incidents.map(({ body }) => body.agent))];
  const open = await Promise.all(agents.map(async (agent) => openFreezes(await record.freezesOf(agent), agent)));
  const freezing = new Set(open.flat().map(({ actionId }) => actionId));
  return incidents.map(({ digest, body }) => ({ digest, ...body, frozen: freezing.has(body.actionId) }));
}
