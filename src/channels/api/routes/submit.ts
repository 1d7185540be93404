import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { Refusal } from '../../../core/errors.js';
import { envelopeSchema } from '../../../core/schemas/primitives.js';
import type { Intake } from '../../intake.js';
import { withProblems } from '../route-parts.js';
import { acceptedSchema } from '../schemas.js';
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
          'The body is the DSSE envelope around the signed request, at most 262,144 bytes; its signature is the authentication. ' +
          'The action id inside is the idempotency key: the same envelope again is answered the same and starts nothing twice.',
        tags: ['actions'],
        security: [],
        body: envelopeSchema,
        response: withProblems({ 202: acceptedSchema }),
      },
    },
    async (request, reply) => {
      const body = (request.body as unknown as Buffer | undefined) ?? Buffer.alloc(0);
      const idempotencyKey = request.headers['idempotency-key'];
      if (Array.isArray(idempotencyKey))
        throw new Refusal('field_invalid', 'Send one Idempotency-Key.', 'Idempotency-Key');
      const { actionId, requestDigest } = await intake.submit({ body, idempotencyKey, address: request.ip });
      void reply.code(202).header('location', `/v1/actions/${actionId}`);
      return { actionId, requestDigest, state: 'preparing' as const };
    },
  );
}
