import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Refusal } from '../../../core/errors.js';
import { RETURN_TO } from '../../../core/return-to.js';
import type { Policy } from '../../../policy/policy.js';
import { SESSION } from '../api-description.js';
import { unauthenticated } from '../oidc-issuer.js';
import { noticePage } from '../page/notice-page.js';
import { isFromOwnPage, requireOwnPage } from '../page/own-pages.js';
import type { Cookies } from '../page/session.js';
import type { Session, Sessions } from '../page/sessions.js';
import { signInStateSchema, type SignIn } from '../page/sign-in.js';
import { findPerson } from '../people.js';
import { problemOf } from '../problems.js';
import { withProblems } from '../route-parts.js';
import { noteFailure } from '../server.js';

export interface SessionRoutesOptions {
  policy: () => Policy;
  cookies: Cookies;
  sessions: Sessions;
  signIn: SignIn;
  /** Origin of this gateway, as people reach it. */
  origin: string;
}

const SIGN_IN_SECONDS = 10 * 60;

const sessionBodySchema = z
  .object({
    person: z.object({ id: z.string(), name: z.string(), groups: z.array(z.string()) }),
    signedInAtMs: z.int(),
    authTimeMs: z.int().nullable().describe('When the identity provider asked who you are; null: it did not say.'),
    acr: z.string().nullable().describe('How, in its words; null: it did not say.'),
    expiresAtMs: z.int(),
    csrf: z.string().describe('Send it as `X-Countersign-Csrf` with whatever changes something.'),
  })
  .meta({ id: 'Session' });

const signInQuerySchema = z.object({
  returnTo: z.string().regex(RETURN_TO, 'must be the path of a page here').default('/'),
  fresh: z.stringbool().default(false),
});

const answerSchema = z.object({
  code: z.string().max(4_000).optional(),
  state: z.string().max(200).optional(),
  iss: z.string().max(500).optional(),
});

/** Who is signed in to the full view, and how one signs in and out. */
export function sessionRoutes(app: FastifyInstance, options: SessionRoutesOptions): void {
  const { policy, sessions, origin } = options;
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const shared = { tags: ['session'], security: [SESSION] };

  const requireSession = async (cookie: string | undefined): Promise<Session> => {
    const session = await sessions.read(cookie);
    if (session === undefined) throw unauthenticated('You are not signed in.');
    return session;
  };

  routes.get(
    '/session',
    {
      schema: {
        operationId: 'getSession',
        summary: 'Who is signed in',
        ...shared,
        response: withProblems({ 200: sessionBodySchema }),
      },
    },
    async (request) => {
      if (!isFromOwnPage(request, origin)) throw unauthenticated('Another site sent this request.');
      const session = await requireSession(request.headers.cookie);
      const { person } = findPerson(policy(), session.subject);
      const { directory } = policy();
      const { signedInAtMs, authTimeMs, acr, expiresAtMs, csrf } = session;
      const id = directory.canonical(person.id);
      const shown = { id, name: person.name, groups: directory.groupsOf(person.id) };
      return { person: shown, signedInAtMs, authTimeMs, acr, expiresAtMs, csrf };
    },
  );

  routes.post(
    '/sign-out',
    {
      schema: {
        operationId: 'signOut',
        summary: 'End the session',
        ...shared,
        response: withProblems({ 204: z.null() }),
      },
    },
    async (request, reply) => {
      const session = await requireSession(request.headers.cookie);
      requireOwnPage(request, session, origin);
      return reply
        .header('set-cookie', await sessions.end(session))
        .code(204)
        .send(null);
    },
  );

  void app.register((scope, _options, done) => {
    signInRoutes(scope, options);
    done();
  });
}

/** The two addresses that a browser is sent to; what goes wrong is a page. */
function signInRoutes(scope: FastifyInstance, { policy, cookies, sessions, signIn }: SessionRoutesOptions): void {
  const hidden = { schema: { hide: true } as object };

  scope.setErrorHandler(async (error, request, reply) => {
    const { problem, headers } = problemOf(error);
    noteFailure(error, request);
    const { page, contentSecurityPolicy } = noticePage(problem);
    void reply.headers({ ...headers, 'content-security-policy': contentSecurityPolicy });
    return reply.code(problem.status).type('text/html; charset=utf-8').send(page);
  });

  scope.get('/sign-in', hidden, async (request, reply) => {
    const { returnTo, fresh } = signInQuerySchema.safeParse(request.query).data ?? refuseReturn();
    const { location, remember } = await signIn.begin({ returnTo, isFresh: fresh });
    const kept = await cookies.keep('sign-in', remember, SIGN_IN_SECONDS);
    return reply.header('set-cookie', kept).redirect(location, 302);
  });

  scope.get('/callback', hidden, async (request, reply) => {
    const remembered = await cookies.read('sign-in', request.headers.cookie, signInStateSchema);
    const answer = answerSchema.safeParse(request.query).data;
    if (remembered === undefined || answer === undefined) {
      throw new Refusal('unauthenticated', 'This sign-in is not known, or too old: begin it again.');
    }
    const signedIn = await signIn.finish(answer, remembered);
    findPerson(policy(), signedIn.subject);
    // Whatever session the browser had is over: nobody goes on in one that somebody else planted.
    const before = await sessions.read(request.headers.cookie);
    if (before !== undefined) await sessions.end(before);
    const { cookie } = await sessions.begin(signedIn);
    return reply.header('set-cookie', [cookie, cookies.forget('sign-in')]).redirect(remembered.returnTo, 303);
  });
}

function refuseReturn(): never {
  throw new Refusal('field_invalid', 'returnTo must be the path of a page here, and fresh 1 or 0.', 'returnTo');
}
