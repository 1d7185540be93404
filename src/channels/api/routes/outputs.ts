import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { requireNotFrozen } from '../../../enforcement/frozen.js';
import { openArtefact, type OpenedArtefact } from '../../../operations/artefacts.js';
import type { Policy } from '../../../policy/policy.js';
import { viewAction, type ActionView } from '../../../record/action-view.js';
import { scopesOver } from '../../../record/freezes.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import { AGENT, WORKLOAD } from '../api-description.js';
import { nameOf, requireSight } from '../principals.js';
import { withProblems, type Identify } from '../route-parts.js';
import { actionParamsSchema } from '../schemas.js';

export interface OutputRoutesOptions {
  policy: () => Policy;
  record: ActionRecord;
  artefactsDir: string;
  identify: Identify;
  clock: () => number;
}

const MEDIA_TYPES = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
} as const;

const FILE_CONTENT = Object.fromEntries(
  Object.values(MEDIA_TYPES).map((type) => [type.split(';')[0] ?? '', { schema: z.string() }]),
);

/** The agent that asked fetches the output, until its retention time; each fetch is on record before the first byte. */
export function outputRoutes(
  scope: FastifyInstance,
  { policy, record, artefactsDir, identify, clock }: OutputRoutesOptions,
): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/actions/:actionId/output',
    {
      onRequest: identify.agent,
      schema: {
        operationId: 'fetchOutput',
        summary: "Fetch an action's output",
        description: 'Repr-Digest (RFC 9530) holds its SHA-256, as the receipt does. Each fetch is on record.',
        tags: ['actions'],
        security: [AGENT, WORKLOAD],
        params: actionParamsSchema,
        response: withProblems({ 200: { description: 'The file', content: FILE_CONTENT } }),
      },
    },
    async (request, reply) => {
      const { actionId } = request.params;
      const principal = identify.of(request);
      const view = requireSight(principal, viewAction(await record.ofAction(actionId)));
      const { artefact, fileName, stream } = await openOutput(artefactsDir, view, clock());
      try {
        requireNotFrozen(await record.freezesOf(scopesOver(view.request)), view.request, policy().directory);
        const body = { by: nameOf(principal), artefactDigest: artefact.sha256, fetchedAtMs: clock() };
        await record.append([{ kind: 'fetch', actionId, requestDigest: view.requestDigest, body }]);
      } catch (error) {
        stream.destroy();
        throw error;
      }
      const digest = `sha-256=:${Buffer.from(artefact.sha256, 'hex').toString('base64')}:`;
      return (
        reply
          .headers({
            'content-type': MEDIA_TYPES[artefact.format],
            'content-length': String(artefact.bytes),
            'content-disposition': `attachment; filename="${fileName}"`,
            'content-digest': digest,
            'repr-digest': digest,
          })
          // Typed as what the schema says; Fastify sends a stream as it is.
          .send(stream as unknown as string)
      );
    },
  );
}

async function openOutput(folder: string, view: ActionView, nowMs: number): Promise<OpenedArtefact> {
  if (view.outcome?.status === 'effect_mismatch') {
    const message = 'The effect of this action was not what had been declared: its output is not handed out.';
    throw new Refusal('forbidden', message, 'actionId');
  }
  const recorded = view.outcome?.status === 'succeeded' ? view.outcome.result?.['sha256'] : undefined;
  if (typeof recorded !== 'string') throw new Refusal('not_found', 'This action has no output.', 'actionId');
  const opened = await openArtefact(folder, view.actionId, nowMs).catch((error: unknown) => {
    // The record says there was one: it was swept.
    const isMissing = error instanceof Refusal && error.code === 'not_found';
    throw isMissing ? new Refusal('artefact_gone', 'The output is no longer kept.', 'actionId') : error;
  });
  if (opened.artefact.sha256 === recorded) return opened;
  opened.stream.destroy();
  throw new Refusal('artefact_corrupt', 'The output that is kept is not the one on record. It is not handed out.');
}
