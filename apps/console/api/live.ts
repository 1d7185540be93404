import { useCallback, useEffect, useRef, useState } from 'react';
import { nowMs } from '../time/clock.js';
import { callJson, Trouble } from './http.js';
import { useSession } from './session.js';

/** What the gateway says of something, kept up to date. */
export interface Live<T> {
  value: T | undefined;
  /** Why the last attempt failed; null when it did not. The value stays the one before. */
  trouble: Trouble | null;
  checkedAtMs: number | null;
  /** Asks again. @returns what is said now; undefined when nothing came. */
  reload(): Promise<T | undefined>;
}

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 15_000;
const POLL_MS = 20_000;

/**
 * Reads `path`, and again whenever `events` tells of a change, the page comes back into sight or the network returns.
 * Failures that may pass are tried again. Without `events` it is read when asked only.
 */
export function useLive<T>(path: string, events: string | null): Live<T> {
  const { over, isOver } = useSession();
  const [state, setState] = useState<Omit<Live<T>, 'reload'> & { path: string }>(() => nothingOf<T>(path));
  const failures = useRef(0);
  const retry = useRef<ReturnType<typeof setTimeout>>(undefined);
  const running = useRef<AbortController>(undefined);

  const reload = useCallback(async (): Promise<T | undefined> => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    clearTimeout(retry.current);
    try {
      const value = await callJson<T>(path, { signal: mine.signal });
      failures.current = 0;
      setState({ path, value, trouble: null, checkedAtMs: nowMs() });
      return value;
    } catch (error) {
      if (mine.signal.aborted || !(error instanceof Trouble)) return undefined;
      if (error.status === 401) over();
      setState((before) => ({ ...(before.path === path ? before : nothingOf<T>(path)), trouble: error }));
      if (!error.isPassing) return undefined;
      const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures.current);
      failures.current += 1;
      retry.current = setTimeout(() => void reload(), waitMs);
      return undefined;
    }
  }, [path, over]);

  useEffect(() => {
    void reload();
    return () => {
      running.current?.abort();
      clearTimeout(retry.current);
    };
  }, [reload]);
  useChanges(isOver ? null : events, reload);
  return { ...(state.path === path ? state : nothingOf<T>(path)), reload };
}

function nothingOf<T>(path: string): Omit<Live<T>, 'reload'> & { path: string } {
  return { path, value: undefined, trouble: null, checkedAtMs: null };
}

/** Server-sent events; while they are away, it is asked every now and then. */
function useChanges(events: string | null, reload: () => Promise<unknown>): void {
  useEffect(() => {
    if (events === null) return;
    const again = () => {
      if (document.visibilityState === 'visible') void reload();
    };
    let source = new EventSource(events);
    const listen = () => {
      source.addEventListener('change', again);
    };
    listen();
    const poll = setInterval(() => {
      if (source.readyState === EventSource.OPEN) return;
      again();
      // A browser does not come back by itself after an answer that was an error.
      if (source.readyState !== EventSource.CLOSED) return;
      source = new EventSource(events);
      listen();
    }, POLL_MS);
    document.addEventListener('visibilitychange', again);
    window.addEventListener('online', again);
    return () => {
      source.close();
      clearInterval(poll);
      document.removeEventListener('visibilitychange', again);
      window.removeEventListener('online', again);
    };
  }, [events, reload]);
}

const LOOK_EVERY_MS = 20_000;

/** Reads it now and, while the page is in sight, every now and then: it holds none of the person's event streams. */
export function useLookedAt<T>(path: string): Live<T> {
  const { isOver } = useSession();
  const live = useLive<T>(path, null);
  const { reload } = live;
  useEffect(() => {
    if (isOver) return;
    const again = () => {
      if (document.visibilityState === 'visible') void reload();
    };
    const looking = setInterval(again, LOOK_EVERY_MS);
    document.addEventListener('visibilitychange', again);
    return () => {
      clearInterval(looking);
      document.removeEventListener('visibilitychange', again);
    };
  }, [reload, isOver]);
  return live;
}
