import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { WEB_CHANNEL } from '../../../core/assurance.js';
import type { Person } from '../../../directory/directory.js';
import type { Freezing } from '../../freezing.js';
import type { Unfreezing } from '../../unfreezing.js';
import { PERSON, SESSION } from '../api-description.js';
import {
  freezeBodySchema,
  freezeSchema,
  freezesSchema,
  unfreezeBodySchema,
  unfrozenSchema,
} from '../freeze-schemas.js';
import { withProblems, type Identify } from '../route-parts.js';

export interface FreezeRoutesOptions {
  freezing: Freezing;
  unfreezing: Unfreezing;
  identify: Identify;
}

/** People freeze agents, operations or everything, and lift what was frozen. */
export function freezeRoutes(scope: FastifyInstance, { freezing, unfreezing, identify }: FreezeRoutesOptions): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();
  const whoAsks = (request: FastifyRequest): { person: Person; via: { channel: string; subject: string } } => {
    const { person, subject, session } = identify.personOf(request);
    return { person, via: { channel: session === null ? 'api' : WEB_CHANNEL, subject: subject.slice(0, 200) } };
  };
  const forPeople = { tags: ['freezes'], security: [PERSON, SESSION] };

  routes.get(
    '/freezes',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listFreezes',
        summary: 'List what is frozen now',
        ...forPeople,
        response: withProblems({ 200: freezesSchema }),
      },
    },
    () => freezing.list(),
  );

  routes.post(
    '/freezes',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'freeze',
        summary: 'Freeze an agent, an operation, or everything',
        description:
          'For every approver: who is in a group that policy names. New requests in its scope are refused, open actions are denied, ' +
          'and what runs is stopped and loses its lease. One’s own agent may be frozen.',
        ...forPeople,
        body: freezeBodySchema,
        response: withProblems({ 200: freezeSchema }),
      },
    },
    async (request) => freezing.freeze({ ...request.body, ...whoAsks(request) }),
  );

  routes.post(
    '/unfreezes',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'unfreeze',
        summary: 'Say that a freeze may be lifted',
        description:
          'For who is in the group that the bundle names, and neither owns nor prompts the frozen agent, by whatever account. Says so of all ' +
          'that froze exactly this scope. One person lifts what the executor froze, two different people what a person froze.',
        ...forPeople,
        body: unfreezeBodySchema,
        response: withProblems({ 200: unfrozenSchema }),
      },
    },
    async (request) => unfreezing.unfreeze({ ...request.body, ...whoAsks(request) }),
  );
}
