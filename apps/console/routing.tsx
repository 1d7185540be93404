import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';

/** Where in the console somebody is. */
export type Route =
  | { page: 'queue' }
  | { page: 'actions' }
  | { page: 'incidents' }
  | { page: 'action'; actionId: string }
  | { page: 'nowhere' };

export const PATHS = {
  queue: '/queue',
  actions: '/actions',
  incidents: '/actions?show=incidents',
  action: (actionId: string) => `/view/${actionId}`,
} as const;

interface Routing {
  route: Route;
  query: URLSearchParams;
  go(path: string): void;
  /** Changes the address without a step that "back" would return to. */
  replace(path: string): void;
}

const RoutingContext = createContext<Routing | null>(null);

export function routeOf({ pathname, search }: Pick<URL, 'pathname' | 'search'>): Route {
  const path = pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname;
  if (path === '/' || path === PATHS.queue) return { page: 'queue' };
  if (path === PATHS.actions)
    return { page: new URLSearchParams(search).get('show') === 'incidents' ? 'incidents' : 'actions' };
  const actionId = /^\/view\/([0-9A-Za-z]{26})$/.exec(path)?.[1];
  return actionId === undefined ? { page: 'nowhere' } : { page: 'action', actionId };
}

export function RoutingProvider({ children }: { children: ReactNode }) {
  const [address, setAddress] = useState(currentAddress);
  useEffect(() => {
    const follow = () => {
      setAddress(currentAddress());
    };
    window.addEventListener('popstate', follow);
    return () => {
      window.removeEventListener('popstate', follow);
    };
  }, []);
  const go = useCallback((path: string) => {
    window.history.pushState(null, '', path);
    setAddress(currentAddress());
    window.scrollTo(0, 0);
  }, []);
  const replace = useCallback((path: string) => {
    window.history.replaceState(null, '', path);
    setAddress(currentAddress());
  }, []);
  const routing = useMemo(() => {
    const url = new URL(address, window.location.origin);
    return { route: routeOf(url), query: url.searchParams, go, replace };
  }, [address, go, replace]);
  return <RoutingContext value={routing}>{children}</RoutingContext>;
}

export function useRouting(): Routing {
  const routing = useContext(RoutingContext);
  if (routing === null) throw new Error('useRouting: there is no RoutingProvider above');
  return routing;
}

interface LinkProps {
  to: string;
  className?: string;
  /** Where what it shows is no text. */
  label?: string;
  isCurrent?: boolean;
  children: ReactNode;
}

/** A link within the console. It is a real one: it opens in a new tab, and says where it leads. */
export function Link({ to, className, label, isCurrent = false, children }: LinkProps) {
  const { go } = useRouting();
  return (
    <a
      href={to}
      className={className}
      aria-label={label}
      aria-current={isCurrent ? 'page' : undefined}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}

function currentAddress(): string {
  return window.location.pathname + window.location.search;
}
