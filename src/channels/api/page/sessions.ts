import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { SignInProof } from '../../../core/schemas/statements.js';
import type { EndedSessions } from './ended-sessions.js';
import type { Cookies } from './session.js';

/** A browser in which a person is signed in. */
export interface Session extends SignInProof {
  id: string;
  /** `sub` at the identity provider; the directory is asked anew at each request. */
  subject: string;
  /** Must come back in a header with whatever changes something. */
  csrf: string;
  signedInAtMs: number;
  expiresAtMs: number;
}

export interface Sessions {
  /** A new session, never one that the browser brought along; `cookie` is the `Set-Cookie` header. */
  begin(who: SignInProof & { subject: string }): Promise<{ session: Session; cookie: string }>;
  /** The session of a request's cookies; undefined when there is none, or it is over. @throws ServiceFault `record`. */
  read(cookieHeader: string | undefined): Promise<Session | undefined>;
  /** Whether it goes on. @throws ServiceFault `record`. */
  isOpen(session: Session): Promise<boolean>;
  /** @returns the `Set-Cookie` header that makes the browser forget it. */
  end(session: Session): Promise<string>;
}

/** A working day; after it people sign in again. */
export const SESSION_SECONDS = 8 * 60 * 60;

const sessionSchema = z.object({
  id: z.string().min(1),
  subject: z.string().min(1),
  csrf: z.string().min(1),
  signedInAtMs: z.int(),
  authTimeMs: z.int().nullable(),
  acr: z.string().nullable(),
  expiresAtMs: z.int(),
});

export interface SessionsOptions {
  cookies: Cookies;
  ended: EndedSessions;
  clock: () => number;
}

/** Sessions in sealed cookies; what was ended before its time is on a list. */
export function createSessions({ cookies, ended, clock }: SessionsOptions): Sessions {
  const isOpen = async (session: Session): Promise<boolean> =>
    clock() < session.expiresAtMs && !(await ended.hasEnded(session.id));
  return {
    async begin({ subject, authTimeMs, acr }) {
      const nowMs = clock();
      const random = (): string => randomBytes(32).toString('base64url');
      const expiresAtMs = nowMs + SESSION_SECONDS * 1_000;
      const session = { id: random(), subject, csrf: random(), signedInAtMs: nowMs, authTimeMs, acr, expiresAtMs };
      return { session, cookie: await cookies.keep('session', session, SESSION_SECONDS) };
    },
    async read(cookieHeader) {
      const session = await cookies.read('session', cookieHeader, sessionSchema);
      return session !== undefined && (await isOpen(session)) ? session : undefined;
    },
    isOpen,
    async end(session) {
      await ended.end(session);
      return cookies.forget('session');
    },
  };
}
