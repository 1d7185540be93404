import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { actionIdSchema } from '../../../core/schemas/primitives.js';
import { viewAction } from '../../../record/action-view.js';
import type { Contents } from '../../../record/contents.js';
import { LOG_NOT_SENT } from '../../../record/log-text.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import type { Intake } from '../../intake.js';
import { AGENT, PERSON, SESSION } from '../api-description.js';
import { requireSight } from '../principals.js';
import { withProblems, type Identify } from '../route-parts.js';
import { actionParamsSchema, attachedSchema, requestBodySchema } from '../schemas.js';

/** Takes the logs of requests that did not come this way. In the scope of raw bodies: the intake judges them itself. */
export function attachRoute(raw: FastifyInstance, { intake }: { intake: Intake }): void {
  raw.withTypeProvider<ZodTypeProvider>().post(
    '/actions/:actionId/logs',
    {
      validatorCompiler: () => (value: unknown) => ({ value }),
      config: { recordsRefusals: true },
      schema: {
        operationId: 'attachLogs',
        summary: 'Send the log of a request that was not asked for here',
        description:
          'For agents that start the workflow themselves: the same body as for `POST /v1/actions`, before or after the ' +
          'start, while the action is open. A request that is not on record yet is put there. Sent again it is answered the same.',
        tags: ['actions'],
        security: [],
        params: actionParamsSchema,
        body: requestBodySchema,
        response: withProblems({ 200: attachedSchema }),
      },
    },
    async (request) => {
      const { actionId } = request.params as { actionId?: unknown };
      const parsed = actionIdSchema.safeParse(actionId);
      if (!parsed.success) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
      const body = (request.body as unknown as Buffer | undefined) ?? Buffer.alloc(0);
      const { storedSha256, bytes, redactions } = await intake.attach({
        actionId: parsed.data,
        body,
        address: request.ip,
      });
      return { actionId: parsed.data, storedSha256, bytes, redactions };
    },
  );
}

export interface LogsRouteOptions {
  record: ActionRecord;
  contents: Pick<Contents, 'get'>;
  identify: Identify;
}

/** The agent's log as it is kept. */
export function logsRoute(scope: FastifyInstance, { record, contents, identify }: LogsRouteOptions): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/actions/:actionId/logs',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'getLogs',
        summary: "The agent's own log, its secrets left out",
        description: 'Untrusted text. People see all; an agent its own.',
        tags: ['actions'],
        security: [PERSON, SESSION, AGENT],
        params: actionParamsSchema,
        response: withProblems({
          200: { description: 'The log', content: { 'text/plain': { schema: z.string() } } },
        }),
      },
    },
    async (request, reply) => {
      const statements = await record.ofAction(request.params.actionId);
      const { logs } = requireSight(identify.of(request), viewAction(statements));
      if (logs === null) throw new Refusal('not_found', 'The agent sent no log.', 'actionId');
      if (logs.stored === null) throw new Refusal('not_found', LOG_NOT_SENT, 'actionId');
      const bytes = await contents.get(logs.stored.sha256);
      return reply.type('text/plain; charset=utf-8').send(new TextDecoder().decode(bytes));
    },
  );
}
