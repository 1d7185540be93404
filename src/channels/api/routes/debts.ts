import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { WEB_CHANNEL } from '../../../core/assurance.js';
import type { DebtState, Retrospectives } from '../../retrospectives.js';
import { PERSON, SESSION } from '../api-description.js';
import { debtsSchema, debtStateSchema, retrospectiveBodySchema } from '../debt-schemas.js';
import { withProblems, type Identify } from '../route-parts.js';
import { actionParamsSchema } from '../schemas.js';

export interface DebtRoutesOptions {
  retrospectives: Retrospectives;
  identify: Identify;
}

/** People see what is owed for broken glasses, and review it. */
export function debtRoutes(scope: FastifyInstance, { retrospectives, identify }: DebtRoutesOptions): void {
  const routes = scope.withTypeProvider<ZodTypeProvider>();
  const forPeople = { tags: ['break-glass'], security: [PERSON, SESSION] };

  routes.get(
    '/debts',
    {
      onRequest: identify.person,
      schema: {
        operationId: 'listDebts',
        summary: 'List what is owed for broken glasses',
        description:
          'Actions that ran because the glass was broken, and were not reviewed since. While there is one, nobody breaks it.',
        ...forPeople,
        response: withProblems({ 200: debtsSchema }),
      },
    },
    async () => {
      const { debts, unreadable } = await retrospectives.list();
      return { debts: debts.map(toBody), unreadable };
    },
  );

  routes.post(
    '/actions/:actionId/retrospective',
    {
      onRequest: identify.person,
      config: { recordsRefusals: true },
      schema: {
        operationId: 'reviewBrokenGlass',
        summary: 'Say whether it was right to break the glass',
        description:
          'For members of the groups of the plan’s stages who neither broke the glass nor are barred. Paid once each of these groups has looked. ' +
          'A person reviews it once; the same again is answered the same.',
        ...forPeople,
        params: actionParamsSchema,
        body: retrospectiveBodySchema,
        response: withProblems({ 200: debtStateSchema }),
      },
    },
    async (request) => {
      const { person, subject, session } = identify.personOf(request);
      const signIn = session === null ? {} : { signIn: { authTimeMs: session.authTimeMs, acr: session.acr } };
      const via = { channel: session === null ? 'api' : WEB_CHANNEL, subject: subject.slice(0, 200) };
      const { actionId } = request.params;
      return toBody(await retrospectives.review({ actionId, ...request.body, person, via, ...signIn }));
    },
  );
}

/** The same fields, read-only there. */
function toBody(state: DebtState): DebtState & { by: string[]; open: string[]; mayReview: string[] } {
  return { ...state, by: [...state.by], open: [...state.open], mayReview: [...state.mayReview] };
}
