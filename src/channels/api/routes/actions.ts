import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { recordedEnvelopeSchema } from '../../../core/schemas/primitives.js';
import { viewAction, type ActionView } from '../../../record/action-view.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import { AGENT, PERSON, SESSION, WORKLOAD } from '../api-description.js';
import { requireSight, type Principal } from '../principals.js';
import { withProblems, type Identify } from '../route-parts.js';
import {
  actionParamsSchema,
  actionSchema,
  statementsSchema,
  toActionBody,
  waitQuerySchema,
  waitSchema,
} from '../schemas.js';
import type { Watch } from '../watch.js';
import { judgeYou, youSchema, type Judging } from '../you.js';

export interface ActionRoutesOptions extends Judging {
  record: ActionRecord;
  watch: Watch;
  identify: Identify;
  /** Aborted when the gateway shuts down: waits then end early. */
  closing: AbortSignal;
}

/** An action, and for people what they may do about it. */
const shownSchema = actionSchema
  .extend({ you: youSchema.optional().describe('For people: what you may do.') })
  .meta({ id: 'ShownAction' });

/** One action: look, wait, and the statements behind it. */
export function actionRoutes(scope: FastifyInstance, options: ActionRoutesOptions): void {
  const { record, watch, identify, closing } = options;
  const routes = scope.withTypeProvider<ZodTypeProvider>();
  const shared = { tags: ['actions'], security: [PERSON, SESSION, AGENT, WORKLOAD], params: actionParamsSchema };

  routes.get(
    '/actions/:actionId',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'getAction',
        summary: 'See an action, whole',
        ...shared,
        response: withProblems({ 200: shownSchema }),
      },
    },
    async (request) => {
      const standing = await watch.look(request.params.actionId);
      return showTo(identify.of(request), standing?.view, options);
    },
  );

  routes.get(
    '/actions/:actionId/wait',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'waitForAction',
        summary: 'Wait until an action changes (long poll)',
        description: 'Answers at once when the action is not at `sinceRevision` or nothing more will happen to it.',
        ...shared,
        querystring: waitQuerySchema,
        response: withProblems({ 200: waitSchema.extend({ action: shownSchema }) }),
      },
    },
    async (request, reply) => {
      const { actionId } = request.params;
      const { timeoutSeconds, sinceRevision } = request.query;
      const principal = identify.of(request);
      const now = await watch.look(actionId);
      requireSight(principal, now?.view);
      const gone = new AbortController();
      reply.raw.once('close', () => {
        gone.abort();
      });
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutSeconds * 1_000), closing, gone.signal]);
      const standing =
        now?.revision === sinceRevision ? await watch.change(actionId, sinceRevision ?? '', signal) : now;
      return { revision: standing?.revision ?? '0', action: showTo(principal, standing?.view, options) };
    },
  );

  routes.get(
    '/actions/:actionId/statements',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'getStatements',
        summary: 'The signed statements about an action, for verification',
        ...shared,
        response: withProblems({ 200: statementsSchema }),
      },
    },
    async (request) => {
      const statements = await record.ofAction(request.params.actionId);
      requireSight(identify.of(request), viewAction(statements));
      return { statements: statements.map(({ envelope }) => recordedEnvelopeSchema.parse(envelope)) };
    },
  );
}

function showTo(principal: Principal, seen: ActionView | undefined, judging: Judging): z.infer<typeof shownSchema> {
  const view = requireSight(principal, seen);
  const you = principal.kind === 'person' ? { you: judgeYou(view, principal, judging) } : {};
  return { ...toActionBody(view), ...you };
}
