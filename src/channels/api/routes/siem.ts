import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { SiemStatus } from '../../../siem/status.js';
import { PERSON, SESSION } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';
import { siemStatusSchema } from '../siem-schemas.js';

export interface SiemRouteOptions {
  siem: () => Promise<SiemStatus>;
  identify: Identify;
}

/** People see how far the SIEM was sent the ledger. */
export function siemRoute(scope: FastifyInstance, { siem, identify }: SiemRouteOptions): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/siem',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'siemStatus',
        summary: 'How far each SIEM sink lags behind the ledger',
        tags: ['operations'],
        security: [PERSON, SESSION],
        response: withProblems({ 200: siemStatusSchema }),
      },
    },
    async () => siem(),
  );
}
