import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { BudgetInForce } from '../../../budgets/in-force.js';
import { budgetSchema } from '../../../core/schemas/action.js';
import { nameSchema } from '../../../core/schemas/primitives.js';
import { PERSON, SESSION } from '../api-description.js';
import { withProblems, type Identify } from '../route-parts.js';

export interface BudgetRouteOptions {
  /** The budgets in force, counted now. */
  budgets(): Promise<BudgetInForce[]>;
  identify: Identify;
}

const budgetsSchema = z.object({
  budgets: z.array(
    budgetSchema
      .extend({
        permit: z.string().describe('The permit that names it.'),
        operation: nameSchema,
        agent: z.string().nullable().describe('Whose it is; null where it counts for all, or nothing is spent.'),
        target: z.string().nullable().describe('As `agent`.'),
        spent: z
          .number()
          .nullable()
          .describe('With what is set aside for what runs; null where it cannot be told: then nothing more begins.'),
        left: z.number(),
      })
      .meta({ id: 'Budget' }),
  ),
});

/** People see how far budgets are spent. */
export function budgetsRoute(scope: FastifyInstance, { budgets, identify }: BudgetRouteOptions): void {
  scope.withTypeProvider<ZodTypeProvider>().get(
    '/budgets',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listBudgets',
        summary: 'List budgets and how far they are spent',
        description:
          'What agents may come to together, as the policy in force says, counted from signed statements on record.',
        tags: ['actions'],
        security: [PERSON, SESSION],
        querystring: z.strictObject({ agent: nameSchema.optional().describe('Only what this agent has spent.') }),
        response: withProblems({ 200: budgetsSchema }),
      },
    },
    async ({ query: { agent } }) => {
      const all = await budgets();
      return { budgets: all.filter((one) => agent === undefined || one.agent === agent) };
    },
  );
}
