import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { actionIdSchema } from '../../../core/schemas/primitives.js';
import type { Policy } from '../../../policy/policy.js';
import { viewAction } from '../../../record/action-view.js';
import type { Contents } from '../../../record/contents.js';
import { readLogText } from '../../../record/log-text.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import { actionPage } from '../page/action-page.js';
import { problemPage } from '../page/page.js';
import type { Cookies } from '../page/session.js';
import { signInStateSchema, type SignIn } from '../page/sign-in.js';
import { styleSheet } from '../page/style.js';
import { findPerson } from '../people.js';
import { problemOf } from '../problems.js';
import { noteFailure } from '../server.js';

export interface PageRoutesOptions {
  policy: () => Policy;
  record: ActionRecord;
  contents: Pick<Contents, 'get'>;
  cookies: Cookies;
  signIn: SignIn;
}

const SESSION_SECONDS = 8 * 60 * 60;
const SIGN_IN_SECONDS = 10 * 60;
const PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const sessionSchema = z.object({ subject: z.string().min(1) });
const answerSchema = z.object({
  code: z.string().optional(),
  state: z.string().optional(),
  iss: z.string().optional(),
});

/** Read-only pages for people who come from a message: they show, nothing on them decides. */
export function pageRoutes(
  scope: FastifyInstance,
  { policy, record, contents, cookies, signIn }: PageRoutesOptions,
): void {
  const hidden = { schema: { hide: true } as object };

  scope.setErrorHandler(async (error, request, reply) => {
    const { problem, headers } = problemOf(error);
    noteFailure(error, request);
    return send(reply.code(problem.status).headers(headers), problemPage(problem));
  });

  scope.get('/view/:actionId', hidden, async (request, reply) => {
    const actionId = actionIdOf(request);
    const session = await cookies.read('session', request.headers.cookie, sessionSchema);
    if (session === undefined) {
      const { location, remember } = await signIn.begin(`/view/${actionId}`);
      const kept = await cookies.keep('sign-in', remember, SIGN_IN_SECONDS);
      return reply.header('set-cookie', kept).redirect(location, 302);
    }
    // Asked anew each time: who left the directory sees nothing more.
    findPerson(policy(), session.subject);
    const view = viewAction(await record.ofAction(actionId));
    if (view === undefined) throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
    return send(reply, actionPage(view, await readLogText(view, contents)));
  });

  scope.get('/callback', hidden, async (request, reply) => {
    const remembered = await cookies.read('sign-in', request.headers.cookie, signInStateSchema);
    const answer = answerSchema.safeParse(request.query).data;
    if (remembered === undefined || answer === undefined) {
      throw new Refusal('unauthenticated', 'This sign-in is not known, or too old: open the link again.');
    }
    const given = Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== undefined));
    const subject = await signIn.finish(given, remembered);
    findPerson(policy(), subject);
    const session = await cookies.keep('session', { subject }, SESSION_SECONDS);
    return reply.header('set-cookie', [session, cookies.forget('sign-in')]).redirect(remembered.returnTo, 303);
  });

  scope.get('/style.css', hidden, async (_request, reply) => {
    return reply.header('cache-control', 'public, max-age=300').type('text/css; charset=utf-8').send(styleSheet);
  });
}

function actionIdOf(request: FastifyRequest): string {
  const { actionId } = request.params as { actionId?: unknown };
  const parsed = actionIdSchema.safeParse(actionId);
  if (parsed.success) return parsed.data;
  throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
}

function send(reply: FastifyReply, page: string): FastifyReply {
  return reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(page);
}
