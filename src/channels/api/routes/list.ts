import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { Refusal } from '../../../core/errors.js';
import type { ActionFilter, Record as ActionRecord } from '../../../record/record.js';
import { AGENT, PERSON, SESSION, WORKLOAD } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';
import { listQuerySchema, listSchema } from '../schemas.js';
import { findActions } from '../search.js';

/** Actions, newest first: what is asked, and by whom, without asking for each. */
export function listRoute(
  scope: FastifyInstance,
  { record, identify }: { record: ActionRecord; identify: Identify },
): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/actions',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'listActions',
        summary: 'List actions, newest first',
        description:
          'People see all; an agent its own. With `q` a page looks at 500 actions at most: it may hold fewer than `limit`, or none, while `next` goes on.',
        tags: ['actions'],
        security: [PERSON, SESSION, AGENT, WORKLOAD],
        querystring: listQuerySchema,
        response: withProblems({ 200: listSchema }),
      },
    },
    async (request) => {
      const principal = identify.of(request);
      const { agent, open, limit, before, q } = request.query;
      if (principal.kind === 'agent' && agent !== undefined && agent !== principal.agent) {
        throw new Refusal('forbidden', 'An agent may list its own actions only.', 'agent');
      }
      const only = principal.kind === 'agent' ? principal.agent : agent;
      const filter: ActionFilter = {
        limit,
        ...(only === undefined ? {} : { agent: only }),
        ...(open === undefined ? {} : { open }),
        ...(before === undefined ? {} : { before }),
      };
      return findActions(record, filter, q);
    },
  );
}
