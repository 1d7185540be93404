import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import type { ActionFilter, Record as ActionRecord } from '../../../record/record.js';
import { AGENT, PERSON, SESSION, WORKLOAD } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';
import { recordedEnvelopeSchema } from '../../../core/schemas/primitives.js';
import { listQuerySchema, listSchema, statementsPageSchema, statementsQuerySchema } from '../schemas.js';
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

/** The statements of many actions, for who checks them all: one query a page. */
export function statementsRoute(
  scope: FastifyInstance,
  { record, identify }: { record: Pick<ActionRecord, 'listActions' | 'ofActions'>; identify: Identify },
): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/statements',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listStatements',
        summary: 'The signed statements of actions, newest action first, for reports and verification',
        description: 'A page holds about 8 MiB at most: it may hold fewer actions than `limit` while `next` goes on.',
        tags: ['actions'],
        security: [PERSON, SESSION],
        querystring: statementsQuerySchema,
        response: withProblems({ 200: statementsPageSchema }),
      },
    },
    async (request) => {
      const { limit, before } = request.query;
      const ids = await record.listActions({ limit, ...(before !== undefined && { before }) });
      const read = await record.ofActions(ids);
      return pageOf(ids, read, limit);
    },
  );
}

type StatementsPage = z.infer<typeof statementsPageSchema>;

const PAGE_CHARS = 8 * 1_024 * 1_024;

function pageOf(
  ids: readonly string[],
  read: Awaited<ReturnType<ActionRecord['ofActions']>>,
  limit: number,
): StatementsPage {
  const page: StatementsPage = { actions: [], unreadable: [], next: null };
  let chars = 0;
  for (const [at, actionId] of ids.entries()) {
    const found = read[at];
    if (found === undefined || found instanceof Refusal) page.unreadable.push(actionId);
    else {
      const statements = found.map(({ envelope }) => recordedEnvelopeSchema.parse(envelope));
      chars += statements.reduce((sum, { payload }) => sum + payload.length, 0);
      // One action alone always has room.
      if (chars > PAGE_CHARS && at > 0) return { ...page, next: ids[at - 1] ?? null };
      page.actions.push({ actionId, statements });
    }
  }
  return { ...page, next: ids.length < limit ? null : (ids.at(-1) ?? null) };
}
