import { useMemo } from 'react';
import type { ActionList, ActionSummary } from '../api/types.js';
import { usePageTitle } from '../page-title.js';
import { Notice, TroubleNotice, Waiting } from '../parts/notice.js';
import { stateWord } from '../parts/state.js';
import { PATHS, useRouting } from '../routing.js';
import { ActionRow, titleOf } from './action-row.js';
import { MoreButton } from './more-button.js';
import { usePages } from './use-pages.js';

/** All actions, newest first: those that run, those that wait, and the finished ones with their proof. */
export function ActionsPage() {
  usePageTitle('Actions');
  const { query } = useRouting();
  const isOpenOnly = query.get('open') === 'true';
  const sought = query.get('q') ?? '';
  const { pages, trouble, isLoading, hasMore, more } = usePages<ActionList>(
    `/v1/actions?limit=50${isOpenOnly ? '&open=true' : ''}`,
  );
  const actions = useMemo(() => pages.flatMap((page) => page.actions), [pages]);
  const unreadable = pages.flatMap((page) => page.unreadable);
  const found = actions.filter((action) => isSought(action, sought));
  const status = sought === '' ? `${actions.length} shown` : `${found.length} of ${actions.length} hold it`;
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
      {pages.length > 0 && found.length === 0 ? <p className="empty">No action is like that.</p> : null}
      <ul className="rows" aria-label="Actions">
        {found.map((action) => (
          <ActionRow key={action.actionId} action={action} />
        ))}
      </ul>
      {hasMore ? <MoreButton what="older actions" isLoading={isLoading} more={more} /> : null}
    </>
  );
}

function isSought(action: ActionSummary, sought: string): boolean {
  const { actionId, request, target } = action;
  const texts = [
    actionId,
    titleOf(action),
    request.agent,
    request.operation,
    request.reason,
    target?.name ?? '',
    target?.environment ?? '',
    stateWord(action),
    action.risk,
  ];
  const whole = texts.join('\n').toLowerCase();
  return sought
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word));
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
