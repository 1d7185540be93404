import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import type { Policy } from '../../../policy/policy.js';
import { openFreezes, type Lifters } from '../../../record/freezes.js';
import type { Record as ActionRecord, Recorded } from '../../../record/record.js';
import { PERSON, SESSION } from '../api-description.js';
import { incidentsQuerySchema, incidentsSchema } from '../incident-schemas.js';
import { withProblems, type Identify } from '../route-parts.js';

export interface IncidentRoutesOptions {
  policy: () => Policy;
  record: ActionRecord;
  identify: Identify;
}

/** People see incidents. */
export function incidentRoutes(scope: FastifyInstance, { policy, record, identify }: IncidentRoutesOptions): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();

  routes.get(
    '/incidents',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listIncidents',
        summary: 'List incidents, newest first',
        description: 'Effects of which something else was observed than had been declared.',
        tags: ['incidents'],
        security: [PERSON, SESSION],
        querystring: incidentsQuerySchema,
        response: withProblems({ 200: incidentsSchema }),
      },
    },
    async (request) => {
      const { agent, limit, before } = request.query;
      const page = await record.listIncidents({
        limit,
        ...(agent === undefined ? {} : { agent }),
        ...(before === undefined ? {} : { before: Number(before) }),
      });
      const next = page.next === null ? null : String(page.next);
      return {
        incidents: await withFreezes(record, policy().directory, page.incidents),
        unreadable: page.unreadable,
        next,
      };
    },
  );
}

/** Beside each incident, whether its agent is frozen for it right now. */
async function withFreezes(
  record: Pick<ActionRecord, 'freezesOf'>,
  people: Lifters,
  incidents: readonly Recorded<'incident'>[],
): Promise<z.infer<typeof incidentsSchema>['incidents']> {
  const agents = [...new Set(incidents.map(({ body }) => body.agent))];
  const open = await Promise.all(
    agents.map(async (agent) => openFreezes(await record.freezesOf([{ kind: 'agent', agent }]), () => true, people)),
  );
  const freezing = new Set(open.flat().map(({ actionId }) => actionId));
  return incidents.map(({ digest, body }) => ({ digest, ...body, frozen: freezing.has(body.actionId) }));
}
