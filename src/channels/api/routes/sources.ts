import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { digestSchema } from '../../../core/schemas/primitives.js';
import { requireNotFrozen } from '../../../enforcement/frozen.js';
import type { Policy } from '../../../policy/policy.js';
import { scopesOver } from '../../../record/freezes.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import { SOURCE_LIMITS, type SourceUploads } from '../../../record/source-uploads.js';
import { AGENT, WORKLOAD } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';
import { acceptBytes } from '../server.js';

export interface SourcesRouteOptions {
  policy: () => Policy;
  record: Pick<ActionRecord, 'freezesOf'>;
  sources: SourceUploads;
  identify: Identify;
}

const MEDIA_TYPES = ['application/x-tar', 'application/gzip', 'application/octet-stream'];

const keptSchema = z.object({ sha256: digestSchema, bytes: z.int() }).meta({ id: 'Source' });

/** Keeps a tarball of an agent's. Its digest is in the address, and so under the agent's signature. */
export function sourcesRoute(raw: FastifyInstance, { policy, record, sources, identify }: SourcesRouteOptions): void {
  acceptBytes(raw, MEDIA_TYPES);
  raw.withTypeProvider<ZodTypeProvider>().put(
    '/sources/:sha256',
    {
      onRequest: identify.agent,
      bodyLimit: SOURCE_LIMITS.bytes,
      // The schema is for the document.
      validatorCompiler: () => (value: unknown) => ({ value }),
      config: { recordsRefusals: true },
      schema: {
        operationId: 'uploadSource',
        summary: 'Upload a tarball for an own request, by its digest',
        description:
          'A tar or tar.gz that `infra.apply` takes as `source: { kind: tarball, sha256 }`, from this agent alone, in ' +
          `workspaces that take uploads. At most ${SOURCE_LIMITS.bytes.toLocaleString('en-US')} bytes; ` +
          `${SOURCE_LIMITS.bytesPerDay.toLocaleString('en-US')} bytes and ${String(SOURCE_LIMITS.countPerDay)} uploads in 24 hours. ` +
          'It is kept encrypted. The same again changes nothing.',
        tags: ['actions'],
        security: [AGENT, WORKLOAD],
        consumes: MEDIA_TYPES,
        params: z.strictObject({ sha256: digestSchema }),
        body: z.unknown().describe('The tarball'),
        response: withProblems({ 200: keptSchema }),
      },
    },
    async (request) => {
      const sha256 = digestSchema.safeParse(request.params.sha256);
      if (!sha256.success) throw new Refusal('field_invalid', 'sha256: must be 64 of 0-9 a-f', 'sha256');
      const bytes = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
      // By OpenSSL: the pure one takes half a second for the largest.
      request.sentDigest = createHash('sha256').update(bytes).digest('hex');
      if (bytes.length === 0) throw new Refusal('body_malformed', 'The body is empty.');
      const principal = identify.of(request);
      if (principal.kind !== 'agent') throw new Refusal('forbidden', 'Only agents upload sources.', 'Authorization');
      const subject = { agent: principal.agent, operation: null };
      requireNotFrozen(await record.freezesOf(scopesOver(subject)), subject, policy().directory);
      await sources.put(principal.agent, sha256.data, bytes);
      return { sha256: sha256.data, bytes: bytes.length };
    },
  );
}
