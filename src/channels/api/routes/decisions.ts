import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { WEB_CHANNEL } from '../../../core/assurance.js';
import { envelopeSchema } from '../../../core/schemas/primitives.js';
import { statementBodySchemas } from '../../../core/schemas/statements.js';
import type { DecisionRequest, Decisions } from '../../decisions.js';
import type { Withdrawals } from '../../withdrawals.js';
import { PERSON, SESSION, WORKLOAD } from '../api-description.js';
import { workloadTokenIn } from '../principals.js';
import { withProblems, type Identify } from '../route-parts.js';
import {
  actionParamsSchema,
  decisionAnswerSchema,
  decisionBodySchema,
  decisionHeadersSchema,
  withdrawnSchema,
} from '../schemas.js';

export interface DecisionRoutesOptions {
  decisions: Decisions;
  withdrawals: Withdrawals;
  identify: Identify;
}

/** People decide; agents withdraw. */
export function decisionRoutes(
  scope: FastifyInstance,
  { decisions, withdrawals, identify }: DecisionRoutesOptions,
): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();

  routes.post(
    '/actions/:actionId/decision',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'decide',
        summary: 'Approve or deny an action',
        description: 'The same Idempotency-Key again is one decision, answered the same.',
        tags: ['decisions'],
        security: [PERSON, SESSION],
        params: actionParamsSchema,
        headers: decisionHeadersSchema,
        body: decisionBodySchema,
        response: withProblems({ 200: decisionAnswerSchema }),
      },
    },
    async (request) => {
      const { person, subject, session } = identify.personOf(request);
      const signIn = session === null ? {} : { signIn: { authTimeMs: session.authTimeMs, acr: session.acr } };
      return decisions.decide({
        actionId: request.params.actionId,
        ...saidIn(request.body),
        person,
        // Under the person's name: what two people choose as a key must not meet.
        via: {
          channel: session === null ? 'api' : WEB_CHANNEL,
          subject: subject.slice(0, 200),
          eventId: `${person.id}/${request.headers['idempotency-key']}`,
        },
        ...signIn,
      });
    },
  );

  routes.post(
    '/actions/:actionId/withdrawal',
    {
      // The withdrawal judges the envelope itself, and records what it refuses.
      validatorCompiler: ({ httpPart, schema }) =>
        httpPart === 'body'
          ? (value: unknown) => ({ value })
          : (scope.validatorCompiler?.({ httpPart, schema } as never) ?? (() => true)),
      config: { recordsRefusals: true },
      schema: {
        operationId: 'withdrawAction',
        summary: 'Take an own request back, or end the action early',
        description:
          'An action that waits ends as `withdrawn`. One that runs is stopped and its lease revoked: `ending`; its outcome is what ' +
          'the target then says. The same withdrawal again is answered the same. ' +
          'The body is the DSSE envelope around the signed withdrawal; its signature is the authentication. ' +
          'An agent without a key sends its token, and the plain withdrawal.',
        tags: ['actions'],
        security: [{}, WORKLOAD],
        params: actionParamsSchema,
        body: z.union([envelopeSchema, statementBodySchemas.withdrawal]),
        response: withProblems({ 200: withdrawnSchema }),
      },
    },
    async (request) => {
      const { actionId } = request.params;
      const token = workloadTokenIn(request);
      const state = await withdrawals.withdraw({ actionId, envelope: request.body, token, address: request.ip });
      return { actionId, state };
    },
  );
}

/** Without a mark that is not there. */
function saidIn({
  breakGlass,
  ...said
}: z.infer<typeof decisionBodySchema>): Omit<DecisionRequest, 'person' | 'via' | 'actionId'> {
  return breakGlass === true ? { ...said, breakGlass } : said;
}
