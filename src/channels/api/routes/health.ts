import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';

export interface HealthRoutesOptions {
  /** Resolves when the gateway can do its work. */
  ready: () => Promise<{ name: string; ok: boolean }[]>;
}

const readySchema = z.object({
  ready: z.boolean(),
  services: z.array(z.object({ name: z.string(), ok: z.boolean() })),
});

/** Liveness, readiness, and the OpenAPI document. */
export function healthRoutes(app: FastifyInstance, { ready }: HealthRoutesOptions): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['operations'];
  const alive = z.object({ alive: z.literal(true) });
  routes.get(
    '/healthz',
    { schema: { operationId: 'health', summary: 'The process lives', tags, security: [], response: { 200: alive } } },
    async () => ({ alive: true as const }),
  );
  routes.get(
    '/readyz',
    {
      schema: {
        operationId: 'readiness',
        summary: 'What it needs answers too',
        tags,
        security: [],
        response: { 200: readySchema, 503: readySchema },
      },
    },
    async (_request, reply) => {
      const services = await ready();
      const isReady = services.every(({ ok }) => ok);
      void reply.code(isReady ? 200 : 503);
      return { ready: isReady, services };
    },
  );
  routes.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(JSON.stringify(app.swagger())),
  );
}
