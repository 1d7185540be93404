import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { returnToOf } from '../../../src/core/return-to.js';
import { nowMs } from '../time/clock.js';
import { call, callJson, Trouble } from './http.js';
import type { Session } from './types.js';

export interface SessionState {
  session: Session;
  /** The session ended while the page was open: what is shown stays, nothing more can be done. */
  isOver: boolean;
  /** Tells that the gateway no longer knows us. */
  over(): void;
  /** @throws Trouble when the gateway did not hear of it. */
  signOut(): Promise<void>;
}

export const SessionContext = createContext<SessionState | null>(null);

/** Where one signs in and comes back to the page at hand. */
export function signInPath({ fresh = false } = {}): string {
  const returnTo = returnToOf(window.location);
  return `/sign-in?${new URLSearchParams({ returnTo, ...(fresh ? { fresh: '1' } : {}) }).toString()}`;
}

export function useSession(): SessionState {
  const state = useContext(SessionContext);
  if (state === null) throw new Error('useSession: there is no SessionProvider above');
  return state;
}

interface SessionProviderProps {
  children: ReactNode;
  /** Shown until it is known who looks; with what went wrong, if anything did. */
  waiting: (trouble: Trouble | null, retry: () => void) => ReactNode;
  /** Shown to who has signed out. */
  goodbye: ReactNode;
}

/** Asks who is signed in; who is not, is sent to sign in. */
export function SessionProvider({ children, waiting, goodbye }: SessionProviderProps) {
  const [session, setSession] = useState<Session | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [isOver, setOver] = useState(false);
  const [hasLeft, setLeft] = useState(false);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const gone = new AbortController();
    let again: ReturnType<typeof setTimeout> | undefined;
    callJson<Session>('/session', { signal: gone.signal }).then(setSession, (error: unknown) => {
      if (gone.signal.aborted || !(error instanceof Trouble)) return;
      if (error.status === 401) {
        window.location.assign(signInPath());
        return;
      }
      setTrouble(error);
      if (error.isPassing) again = setTimeout(setAttempt, RETRY_MS, attempt + 1);
    });
    return () => {
      gone.abort();
      clearTimeout(again);
    };
  }, [attempt]);

  const over = useCallback(() => {
    setOver(true);
  }, []);
  useEndOf(session, over);

  const state = useMemo(() => {
    if (session === null) return null;
    const signOut = async () => {
      await leave(session.csrf);
      setLeft(true);
    };
    return { session, isOver, over, signOut };
  }, [session, isOver, over]);
  if (hasLeft) return goodbye;
  if (state !== null) return <SessionContext value={state}>{children}</SessionContext>;
  return waiting(trouble, () => {
    setAttempt((before) => before + 1);
  });
}

const RETRY_MS = 3_000;

function useEndOf(session: Session | null, over: () => void): void {
  useEffect(() => {
    if (session === null) return;
    // A timer longer than 24 days fires at once.
    const timer = setTimeout(over, Math.min(2 ** 31 - 1, Math.max(0, session.expiresAtMs - nowMs())));
    return () => {
      clearTimeout(timer);
    };
  }, [session, over]);
}

async function leave(csrf: string): Promise<void> {
  try {
    await call('/sign-out', { method: 'POST', headers: { 'x-countersign-csrf': csrf } });
  } catch (error) {
    // A session that is over needs no end.
    if (!(error instanceof Trouble && error.status === 401)) throw error;
  }
  sessionStorage.clear();
}
