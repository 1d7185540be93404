import { useCallback, useEffect, useRef, useState } from 'react';
import { callJson, Trouble } from '../api/http.js';
import { useSession } from '../api/session.js';

/** A list that is read page by page. */
export interface Pages<T> {
  pages: readonly T[];
  trouble: Trouble | null;
  isLoading: boolean;
  hasMore: boolean;
  more(): void;
}

/** Reads pages of `path`, each naming what comes `before` the next. Begins anew when the path changes. */
export function usePages<T extends { next: string | null }>(path: string): Pages<T> {
  const { over } = useSession();
  const [state, setState] = useState<{ path: string; pages: T[]; trouble: Trouble | null }>(() => ({
    path,
    pages: [],
    trouble: null,
  }));
  const [isLoading, setLoading] = useState(true);
  const running = useRef<AbortController>(undefined);
  const pages = state.path === path ? state.pages : [];
  const last = pages.at(-1);

  const load = useCallback(
    async (before: readonly T[]) => {
      running.current?.abort();
      const mine = new AbortController();
      running.current = mine;
      setLoading(true);
      const next = before.at(-1)?.next;
      const address = next == null ? path : `${path}${path.includes('?') ? '&' : '?'}before=${next}`;
      try {
        const page = await callJson<T>(address, { signal: mine.signal });
        setState({ path, pages: [...before, page], trouble: null });
      } catch (error) {
        if (mine.signal.aborted || !(error instanceof Trouble)) return;
        if (error.status === 401) over();
        setState({ path, pages: [...before], trouble: error });
      }
      setLoading(false);
    },
    [path, over],
  );
  useEffect(() => {
    void load([]);
    return () => running.current?.abort();
  }, [load]);
  return {
    pages,
    trouble: state.path === path ? state.trouble : null,
    isLoading,
    hasMore: last?.next != null,
    more: () => void load(pages),
  };
}
