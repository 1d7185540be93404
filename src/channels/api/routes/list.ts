import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { viewAction } from '../../../record/action-view.js';
import type { ActionFilter, Record as ActionRecord } from '../../../record/record.js';
import { AGENT, PERSON, SESSION, WORKLOAD } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';
import { listQuerySchema, listSchema, toSummary, type ActionSummaryBody } from '../schemas.js';

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
        description: 'People see all; an agent its own.',
        tags: ['actions'],
        security: [PERSON, SESSION, AGENT, WORKLOAD],
        querystring: listQuerySchema,
        response: withProblems({ 200: listSchema }),
      },
    },
    async (request) => {
      const principal = identify.of(request);
      const { agent, open, limit, before } = request.query;
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
      return listPage(record, filter);
    },
  );
}

async function listPage(record: ActionRecord, filter: ActionFilter): Promise<z.infer<typeof listSchema>> {
  const ids = await record.listActions(filter);
  const actions: ActionSummaryBody[] = [];
  const unreadable: string[] = [];
  for (const [index, statements] of (await record.ofActions(ids)).entries()) {
    const view = statements instanceof Refusal ? undefined : viewAction(statements);
    if (statements instanceof Refusal) unreadable.push(ids[index] ?? '');
    else if (view !== undefined) actions.push(toSummary(view));
  }
  return { actions, unreadable, next: ids.length < filter.limit ? null : (ids.at(-1) ?? null) };
}
