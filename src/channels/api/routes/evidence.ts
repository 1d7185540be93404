import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AnyRecorded, Record as ActionRecord } from '../../../record/record.js';
import { viewAction } from '../../../record/action-view.js';
import { encodeEvidence, type Evidence } from '../../../evidence/format.js';
import { PERSON, SESSION } from '../api-description.js';
import { requireSight } from '../principals.js';
import { withProblems, type Identify } from '../route-parts.js';
import { actionParamsSchema } from '../schemas.js';

export interface EvidenceRouteOptions {
  record: ActionRecord;
  /** Gathers all about one action; see src/evidence/gather.ts. */
  evidence: (actionId: string, statements: readonly AnyRecorded[]) => Promise<Evidence>;
  identify: Identify;
}

/** All about one action, for verification without us. For people: it holds the whole policy and directory. */
export function evidenceRoute(scope: FastifyInstance, { record, evidence, identify }: EvidenceRouteOptions): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/actions/:actionId/evidence',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'getEvidence',
        summary: 'All about an action in one file, to be verified offline',
        description:
          'See docs/evidence.md. The bytes are canonical JSON and one line feed; the verifier refuses another spelling.',
        tags: ['actions'],
        security: [PERSON, SESSION],
        params: actionParamsSchema,
        response: withProblems({
          200: { description: 'The bundle', content: { 'application/json': { schema: z.string() } } },
        }),
      },
    },
    async (request, reply) => {
      const { actionId } = request.params;
      const statements = await record.ofAction(actionId);
      requireSight(identify.of(request), viewAction(statements));
      const bytes = Buffer.from(encodeEvidence(await evidence(actionId, statements)));
      return (
        reply
          .headers({
            'content-type': 'application/json; charset=utf-8',
            'content-disposition': `attachment; filename="${actionId}.evidence.json"`,
          })
          // Typed as what the schema says; Fastify sends bytes as they are.
          .send(bytes as unknown as string)
      );
    },
  );
}
