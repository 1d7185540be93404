import type { FastifyRequest } from 'fastify';
import { Refusal } from '../../core/errors.js';
import type { Policy } from '../../policy/policy.js';
import type { ActionView } from '../../record/action-view.js';
import { unauthenticated } from './oidc-issuer.js';
import type { AgentTokenUse } from './agent-tokens.js';
import { isFromOwnPage, requireOwnPage } from './page/own-pages.js';
import type { Session, Sessions } from './page/sessions.js';
import { findPerson, type SignedInPerson } from './people.js';
import type { WorkloadTokens } from './workload-tokens.js';

/** Who sent a request, proven. */
export type Principal = PersonPrincipal | { kind: 'agent'; agent: string };

/** A person, by an access token, or by the cookie of the full view's session. */
export interface PersonPrincipal extends SignedInPerson {
  kind: 'person';
  /** Null: by a token. */
  session: Session | null;
}

/** Which ways to sign in a route takes. */
export interface Ways {
  /** Whether a person's cookie counts. */
  cookies: boolean;
}

export interface PrincipalsOptions {
  readPerson: (token: string) => Promise<SignedInPerson>;
  readAgent: (token: string, use: AgentTokenUse) => Promise<string>;
  /** For agents without a key. */
  workloads: WorkloadTokens;
  sessions: Pick<Sessions, 'read'>;
  policy: () => Policy;
  /** Origin of this gateway, as people reach it. */
  origin: string;
}

/**
 * Reads the `Authorization` header: `Bearer` for people and for agents without a key, `Countersign-Agent` for the others.
 * Without that header a person may come by their session's cookie, from our own pages alone.
 */
export function createPrincipals({ readPerson, readAgent, workloads, sessions, policy, origin }: PrincipalsOptions) {
  const readCookie = async (request: FastifyRequest): Promise<PersonPrincipal | null> => {
    const { cookie } = request.headers;
    // What another site sends is as if no cookie had come, but for changes: those are refused by name.
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (cookie === undefined || (isRead && !isFromOwnPage(request, origin))) return null;
    const session = await sessions.read(cookie);
    if (session === undefined) return null;
    requireOwnPage(request, session, origin);
    return { kind: 'person', ...findPerson(policy(), session.subject), session };
  };

  return async (request: FastifyRequest, { cookies }: Ways): Promise<Principal> => {
    if (cookies && request.headers.authorization === undefined) {
      const person = await readCookie(request);
      if (person !== null) return person;
    }
    const [scheme, token, ...rest] = (request.headers.authorization ?? '').split(' ');
    if (token === undefined || token === '' || rest.length > 0) {
      throw unauthenticated('Sign in: send Authorization: Bearer <token>, or Countersign-Agent <token>.');
    }
    if (scheme?.toLowerCase() === 'bearer') {
      // The issuer alone tells which it is: people's and workloads' are never the same one.
      if (workloads.isOurs(token)) return { kind: 'agent', agent: await workloads.read(token) };
      return { kind: 'person', ...(await readPerson(token)), session: null };
    }
    if (scheme?.toLowerCase() !== 'countersign-agent') {
      throw unauthenticated('The Authorization scheme must be Bearer or Countersign-Agent.');
    }
    const [path = ''] = request.url.split('?');
    return { kind: 'agent', agent: await readAgent(token, { method: request.method, path }) };
  };
}

/** The token by which an agent without a key hands in what it does not sign; null when no `Bearer` header came. */
export function workloadTokenIn({ headers }: FastifyRequest): string | null {
  return /^bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** How records name a principal. */
export function nameOf(principal: Principal): string {
  return principal.kind === 'person' ? `person/${principal.person.id}` : `agent/${principal.agent}`;
}

/** People see every action; an agent its own, and does not learn of others. */
export function requireSight(principal: Principal, view: ActionView | undefined): ActionView {
  if (view === undefined || (principal.kind === 'agent' && view.request.agent !== principal.agent)) {
    throw new Refusal('action_unknown', 'There is no such action.', 'actionId');
  }
  return view;
}
