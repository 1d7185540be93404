import { useMemo } from 'react';
import type { ActionList } from '../api/types.js';
import { usePageTitle } from '../page-title.js';
import { Notice, TroubleNotice, Waiting } from '../parts/notice.js';
import { PATHS, useRouting } from '../routing.js';
import { ActionRow } from './action-row.js';
import { MoreButton } from './more-button.js';
import { usePages } from './use-pages.js';
import { useSettled } from './use-settled.js';

/** Who types is asked for once they pause. */
const TYPING_MS = 250;
/** The longest search that the gateway takes. */
const SOUGHT_CHARS = 200;

/** All actions, newest first: those that run, those that wait, and the finished ones with their proof. */
export function ActionsPage() {
  usePageTitle('Actions');
  const { query } = useRouting();
  const isOpenOnly = query.get('open') === 'true';
  const sought = query.get('q') ?? '';
  const asked = useSettled(sought, TYPING_MS);
  const filter = new URLSearchParams({
    limit: '50',
    ...(isOpenOnly ? { open: 'true' } : {}),
    ...(asked.trim() === '' ? {} : { q: asked.slice(0, SOUGHT_CHARS) }),
  });
  const { pages, trouble, isLoading, hasMore, more } = usePages<ActionList>(`/v1/actions?${filter.toString()}`);
  const actions = useMemo(() => pages.flatMap((page) => page.actions), [pages]);
  const unreadable = pages.flatMap((page) => page.unreadable);
  const status = `${actions.length} ${asked === '' ? 'shown' : 'found'}${hasMore ? ', and there are older ones to look at' : ''}`;
  return (
    <>
      <h1>Actions</h1>
      <Filters sought={sought} isOpenOnly={isOpenOnly} status={isLoading ? '' : status} />
      {trouble === null ? null : <TroubleNotice trouble={trouble} retry={more} />}
      {unreadable.length === 0 ? null : (
        <Notice tone="bad">
          The statements of these do not verify: the record was tampered with. {unreadable.join(', ')}
        </Notice>
      )}
      {isLoading && pages.length === 0 ? <Waiting what="the actions" /> : null}
      {pages.length > 0 && actions.length === 0 && !hasMore ? <p className="empty">No action is like that.</p> : null}
      <ul className="rows" aria-label="Actions">
        {actions.map((action) => (
          <ActionRow key={action.actionId} action={action} />
        ))}
      </ul>
      {hasMore ? <MoreButton what="older actions" isLoading={isLoading} more={more} /> : null}
    </>
  );
}

function Filters({ sought, isOpenOnly, status }: { sought: string; isOpenOnly: boolean; status: string }) {
  const { replace } = useRouting();
  const show = (words: string, open: boolean) => {
    const query = new URLSearchParams({ ...(words === '' ? {} : { q: words }), ...(open ? { open: 'true' } : {}) });
    replace(query.size === 0 ? PATHS.actions : `${PATHS.actions}?${query.toString()}`);
  };
  return (
    <search className="filters">
      <label>
        Search
        <input
          type="search"
          value={sought}
          placeholder="agent, target, words, outcome"
          onChange={({ target }) => {
            show(target.value, isOpenOnly);
          }}
        />
      </label>
      <label className="tick">
        <input
          type="checkbox"
          checked={isOpenOnly}
          onChange={({ target }) => {
            show(sought, target.checked);
          }}
        />
        Open ones only
      </label>
      <span className="small" role="status">
        {status}
      </span>
    </search>
  );
}
