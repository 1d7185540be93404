import type { FastifyInstance, onRequestAsyncHookHandler } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { digestSchema } from '../../../core/schemas/primitives.js';
import type { PostgresLedger } from '../../../ledger/postgres-ledger.js';
import { parseTilePath } from '../../../ledger/tiles.js';
import { AGENT, PERSON, SESSION } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';

export interface LedgerRoutesOptions {
  ledger: Pick<PostgresLedger, 'checkpoint' | 'tile' | 'prove'>;
  identify: Identify;
}

/** The ledger as its format has it (https://c2sp.org/tlog-tiles), below `/ledger`. @param isPublic whether nobody signs in for it. */
export function ledgerRoutes(
  app: FastifyInstance,
  { ledger, identify, isPublic }: LedgerRoutesOptions & { isPublic: boolean },
): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const guard: { onRequest?: onRequestAsyncHookHandler } = isPublic ? {} : { onRequest: identify.either };
  const cached = `${isPublic ? 'public' : 'private'}, max-age=31536000, immutable`;
  const parts = { tags: ['ledger'], security: [{}, PERSON, SESSION, AGENT] };

  routes.get(
    '/ledger/checkpoint',
    {
      ...guard,
      schema: {
        operationId: 'getCheckpoint',
        summary: 'The newest checkpoint: a signed note (C2SP tlog-checkpoint)',
        description: 'Without signing in only where the installation has made the ledger public.',
        ...parts,
        response: withProblems({ 200: { description: 'A note', content: { 'text/plain': { schema: z.string() } } } }),
      },
    },
    async (_, reply) => {
      const note = await ledger.checkpoint();
      if (note === null) throw new Refusal('not_found', 'The ledger has no entries yet.');
      return reply.headers({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' }).send(note);
    },
  );

  routes.get(
    '/ledger/tile/*',
    {
      ...guard,
      schema: {
        operationId: 'getTile',
        summary: 'A tile of hashes, or a bundle of entries (C2SP tlog-tiles)',
        description:
          '`<level>/<index>[.p/<width>]`, or `entries/<index>[.p/<width>]`; what the newest checkpoint covers.',
        ...parts,
        params: z.object({ '*': z.string().max(100) }),
        response: withProblems({
          200: { description: 'Bytes', content: { 'application/octet-stream': { schema: z.string() } } },
        }),
      },
    },
    async (request, reply) => {
      const tile = parseTilePath(`tile/${request.params['*']}`);
      const bytes = tile === null ? null : await ledger.tile(tile);
      if (bytes === null) throw new Refusal('not_found', 'The newest checkpoint covers no such tile.');
      return (
        reply
          .headers({ 'content-type': 'application/octet-stream', 'cache-control': cached })
          // Typed as what the schema says; Fastify sends bytes as they are.
          .send(Buffer.from(bytes) as unknown as string)
      );
    },
  );
}

/** Proof of one statement, for people and agents. */
export function ledgerProofRoute(scope: FastifyInstance, { ledger, identify }: LedgerRoutesOptions): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/ledger/proofs/:digest',
    {
      onRequest: identify.either,
      schema: {
        operationId: 'getProof',
        summary: 'Proof that a statement is in the ledger (C2SP tlog-proof)',
        description:
          'With the newest checkpoint. The leaf is SHA-256 of a zero byte and the canonical JSON of the envelope with its ' +
          'payload replaced by `payloadSha256`. A statement of the last moment may not be covered yet: ask again.',
        tags: ['ledger'],
        security: [PERSON, SESSION, AGENT],
        params: z.strictObject({ digest: digestSchema.describe('SHA-256 of the statement’s payload.') }),
        response: withProblems({
          200: { description: 'A .tlog-proof', content: { 'text/plain': { schema: z.string() } } },
        }),
      },
    },
    async (request, reply) => {
      const found = await ledger.prove(request.params.digest);
      if (found === null) throw new Refusal('not_found', 'No checkpoint covers a statement of this digest.', 'digest');
      return reply.headers({ 'content-type': 'text/plain; charset=utf-8' }).send(found.proof);
    },
  );
}
