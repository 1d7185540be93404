import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { Refusal } from '../../../core/errors.js';
import type { DeliveryLog } from '../../webhook/delivery-log.js';
import { PERSON, SESSION } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';
import { deliveriesQuerySchema, deliveriesSchema, deliveryParamsSchema, deliverySchema } from '../webhook-schemas.js';

export interface WebhookRoutesOptions {
  deliveries: Pick<DeliveryLog, 'list' | 'replay'>;
  identify: Identify;
}

/** People see what became of webhooks, and have one sent again. */
export function webhookRoutes(scope: FastifyInstance, { deliveries, identify }: WebhookRoutesOptions): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();

  routes.get(
    '/webhooks/deliveries',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listWebhookDeliveries',
        summary: 'List webhook deliveries, newest first',
        tags: ['webhooks'],
        security: [PERSON, SESSION],
        querystring: deliveriesQuerySchema,
        response: withProblems({ 200: deliveriesSchema }),
      },
    },
    async (request) => {
      const { action, state, limit, before } = request.query;
      return deliveries.list({
        limit,
        ...(action === undefined ? {} : { actionId: action }),
        ...(state === undefined ? {} : { state }),
        ...(before === undefined ? {} : { before }),
      });
    },
  );

  routes.post(
    '/webhooks/deliveries/:id/replay',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'replayWebhookDelivery',
        summary: 'Send a webhook again',
        description:
          'The same body under the same `webhook-id`, with a new time and signature, whether or not it arrived before.',
        tags: ['webhooks'],
        security: [PERSON, SESSION],
        params: deliveryParamsSchema,
        response: withProblems({ 202: deliverySchema }),
      },
    },
    async (request, reply) => {
      const { person } = identify.personOf(request);
      const delivery = await deliveries.replay(request.params.id, person.id);
      if (delivery === undefined)
        throw new Refusal('not_found', 'There is no such delivery; the log keeps them for a time only.', 'id');
      void reply.code(202);
      return delivery;
    },
  );
}
