import type { FastifyRequest } from 'fastify';
import { Refusal } from '../../core/errors.js';
import type { Policy } from '../../policy/policy.js';
import { unauthenticated } from './oidc-issuer.js';
import type { Sessions } from './page/sessions.js';
import { findPerson, type SignedInPerson } from './people.js';

export interface CodecReadersOptions {
  /** Reads the token that Temporal's UI or CLI hands on. */
  readToken: (token: string) => Promise<SignedInPerson>;
  sessions: Pick<Sessions, 'read'>;
  policy: () => Policy;
  /** Origins of Temporal's UI; no other page's requests count. */
  uiOrigins: readonly string[];
}

/** Whether a page of Temporal's UI sent the request; null: no page did. @throws Refusal `forbidden` for any other page. */
export function pageOf({ headers }: Pick<FastifyRequest, 'headers'>, uiOrigins: readonly string[]): string | null {
  const { origin } = headers;
  if (origin === undefined) return null;
  if (uiOrigins.includes(origin)) return origin;
  throw new Refusal('forbidden', 'Pages of this origin may not have payloads decoded.', 'Origin');
}

/**
 * Who asks for payloads in clear: a person by a bearer token, or, from a page of Temporal's UI, by the cookie of their session
 * at the full view. Decoding changes nothing, so that no token against cross-site requests is asked for: the origin is what
 * keeps other pages out, and browsers show them no answer.
 */
export function createCodecReaders({ readToken, sessions, policy, uiOrigins }: CodecReadersOptions) {
  return async (request: FastifyRequest): Promise<SignedInPerson> => {
    const page = pageOf(request, uiOrigins);
    const { authorization, cookie, 'sec-fetch-site': site } = request.headers;
    if (authorization !== undefined) {
      const token = /^bearer +(\S+)$/i.exec(authorization)?.[1];
      if (token === undefined) throw unauthenticated('The Authorization header must be Bearer <token>.');
      return readToken(token);
    }
    // Without an origin no browser sent it: a cookie is then somebody's loot.
    const session = page === null || site === 'cross-site' ? undefined : await sessions.read(cookie);
    if (session === undefined)
      throw unauthenticated('Sign in to the full view in this browser, or send Authorization: Bearer <token>.');
    return findPerson(policy(), session.subject);
  };
}
