import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { Refusal } from '../../../core/errors.js';
import type { Intake } from '../../intake.js';
import { WORKLOAD } from '../api-description.js';
import { workloadTokenIn } from '../principals.js';
import { withProblems } from '../route-parts.js';
import { acceptedSchema, submissionSchema } from '../schemas.js';
import { acceptBytes } from '../server.js';

/** The intake judges the bytes itself, so that each refusal is recorded with the digest of what was sent. */
export function submitRoute(raw: FastifyInstance, { intake }: { intake: Intake }): void {
  acceptBytes(raw);
  raw.withTypeProvider<ZodTypeProvider>().post(
    '/actions',
    {
      // The schema is for the document: see above.
      validatorCompiler: () => (value: unknown) => ({ value }),
      config: { recordsRefusals: true },
      schema: {
        operationId: 'requestAction',
        summary: 'Ask for a privileged action',
        description:
          'The body is the DSSE envelope around the signed request, whose signature is the authentication; beside it may stand ' +
          'the log that the request names. At most 655,360 bytes. ' +
          'The action id inside is the idempotency key: the same envelope again is answered the same and starts nothing twice. ' +
          'While an action of the agent is open, another request of it for the same operation with the same parameters joins it: ' +
          'the answer names that action, and `joined` is true. ' +
          'An agent without a key sends its bearer token and, as `request`, the plain request. With either may come the ' +
          'tokens of at most 5 people who prompted or scheduled it; they are verified and dropped.',
        tags: ['actions'],
        security: [{}, WORKLOAD],
        body: submissionSchema,
        response: withProblems({ 202: acceptedSchema }),
      },
    },
    async (request, reply) => {
      const body = (request.body as unknown as Buffer | undefined) ?? Buffer.alloc(0);
      const idempotencyKey = request.headers['idempotency-key'];
      if (Array.isArray(idempotencyKey))
        throw new Refusal('field_invalid', 'Send one Idempotency-Key.', 'Idempotency-Key');
      const token = workloadTokenIn(request);
      const submitted = await intake.submit({ body, token, idempotencyKey, address: request.ip });
      void reply.code(202).header('location', `/v1/actions/${submitted.actionId}`);
      return { ...submitted, state: 'preparing' as const };
    },
  );
}
