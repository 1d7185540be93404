import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Record as ActionRecord } from '../../../record/record.js';
import { PERSON, SESSION } from '../api-description.js';
import { readOpenActions } from '../../open-actions.js';
import { queueOf, queueSchema } from '../queue.js';
import { withProblems, type Identify } from '../route-parts.js';
import type { Judging } from '../you.js';

export interface QueueRouteOptions extends Judging {
  record: Pick<ActionRecord, 'listActions' | 'ofActions'>;
  identify: Identify;
}

/** What waits for whoever asks. */
export function queueRoute(scope: FastifyInstance, { record, identify, ...judging }: QueueRouteOptions): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/queue',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'getQueue',
        summary: 'See what waits for you',
        description:
          'Open actions that wait for a group of yours, the nearest deadline first, each with whether you may decide on it and why.',
        tags: ['decisions'],
        security: [PERSON, SESSION],
        response: withProblems({ 200: queueSchema }),
      },
    },
    async (request) => queueOf(await readOpenActions(record), identify.personOf(request), judging),
  );
}
