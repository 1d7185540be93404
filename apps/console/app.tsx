import { SessionProvider, useSession } from './api/session.js';
import { ActionPage } from './action/action-page.js';
import { ActionsPage } from './lists/actions-page.js';
import { IncidentsPage } from './lists/incidents-page.js';
import { QueuePage } from './lists/queue-page.js';
import { usePageTitle } from './page-title.js';
import { TroubleNotice, Waiting } from './parts/notice.js';
import { Standing } from './parts/standing.js';
import { Link, PATHS, RoutingProvider, useRouting } from './routing.js';
import { PersonMenu } from './person-menu.js';

/** The full view: everything that chat had to leave out. */
export function App() {
  return (
    <RoutingProvider>
      <SessionProvider
        goodbye={<Goodbye />}
        waiting={(trouble, retry) => (
          <main className="page">
            {trouble === null ? <Waiting what="who you are" /> : <TroubleNotice trouble={trouble} retry={retry} />}
          </main>
        )}
      >
        <Frame />
      </SessionProvider>
    </RoutingProvider>
  );
}

function Frame() {
  const { route } = useRouting();
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="bar">
        <Link to={PATHS.queue} className="mark" label="Countersign">
          <img src="/assets/icon.svg" alt="" width="24" height="24" />
          <span className="mark-name">Countersign</span>
        </Link>
        <nav aria-label="Pages">
          <Link to={PATHS.queue} isCurrent={route.page === 'queue'}>
            Queue
          </Link>
          <Link to={PATHS.actions} isCurrent={route.page === 'actions'}>
            Actions
          </Link>
          <Link to={PATHS.incidents} isCurrent={route.page === 'incidents'}>
            Incidents
          </Link>
        </nav>
        <PersonMenu />
      </header>
      <Standing />
      <main id="main" className="page" tabIndex={-1}>
        <Page />
      </main>
    </>
  );
}

function Page() {
  const { route } = useRouting();
  const { session } = useSession();
  switch (route.page) {
    case 'queue':
      return <QueuePage key={session.person.id} />;
    case 'actions':
      return <ActionsPage />;
    case 'incidents':
      return <IncidentsPage />;
    case 'action':
      return <ActionPage key={route.actionId} actionId={route.actionId} />;
    case 'nowhere':
      return <Nowhere />;
  }
}

function Nowhere() {
  usePageTitle('Not found');
  return (
    <>
      <h1>There is nothing at this address</h1>
      <p>
        <Link to={PATHS.queue}>See what waits for you</Link>
      </p>
    </>
  );
}

function Goodbye() {
  usePageTitle('Signed out');
  return (
    <main className="page">
      <h1>You are signed out</h1>
      <p>
        <a className="button" href={`/sign-in?returnTo=${encodeURIComponent(PATHS.queue)}`}>
          Sign in
        </a>
      </p>
    </main>
  );
}
