import type { Incidents } from '../api/types.js';
import { usePageTitle } from '../page-title.js';
import { Notice, TroubleNotice, Waiting } from '../parts/notice.js';
import { SeverityMark } from '../parts/severity.js';
import { When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';
import { Frozen } from './frozen.js';
import { MoreButton } from './more-button.js';
import { usePages } from './use-pages.js';

/** Effects of which something else was observed than had been declared, newest first. */
export function IncidentsPage() {
  usePageTitle('Incidents');
  const { pages, trouble, isLoading, hasMore, more } = usePages<Incidents>('/v1/incidents?limit=50');
  const incidents = pages.flatMap((page) => page.incidents);
  const unreadable = pages.flatMap((page) => page.unreadable);
  return (
    <>
      <h1>Incidents</h1>
      <Frozen />
      {trouble === null ? null : <TroubleNotice trouble={trouble} retry={more} />}
      {unreadable.length === 0 ? null : (
        <Notice tone="bad">
          The incidents of these do not verify: the record was tampered with. {unreadable.join(', ')}
        </Notice>
      )}
      {isLoading && pages.length === 0 ? <Waiting what="the incidents" /> : null}
      {pages.length > 0 && incidents.length === 0 ? (
        <p className="empty">No incident. Every effect was what had been declared, and no credential was stolen.</p>
      ) : null}
      <ul className="rows" aria-label="Incidents">
        {incidents.map(({ digest, actionId, agent, severity, sentence, code, openedAtMs, frozen }) => (
          <li key={digest} className={`row row-${severity}`}>
            <p className="marks">
              <SeverityMark severity={severity} />
              {frozen ? <span className="chip chip-warn">agent frozen</span> : null}
            </p>
            <h2>
              <Link to={PATHS.action(actionId)}>{sentence}</Link>
            </h2>
            <p className="small row-facts">
              <span>{agent}</span>
              <span className="code-name">{code}</span>
              <When atMs={openedAtMs} />
            </p>
          </li>
        ))}
      </ul>
      {hasMore ? <MoreButton what="older incidents" isLoading={isLoading} more={more} /> : null}
    </>
  );
}
