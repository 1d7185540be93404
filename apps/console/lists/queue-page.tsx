import { useLive, useLookedAt } from '../api/live.js';
import { useSession } from '../api/session.js';
import type { Debts as DebtList, Queue } from '../api/types.js';
import { usePageTitle } from '../page-title.js';
import { Notice, TroubleNotice, Waiting } from '../parts/notice.js';
import { When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';
import { ActionRow } from './action-row.js';
import { Debts } from './debts.js';

/** What waits for the person who looks, the soonest to expire first. */
export function QueuePage() {
  const { value, trouble, checkedAtMs, reload } = useLive<Queue>('/v1/queue', '/v1/queue/events');
  const { session } = useSession();
  const debts = useLookedAt<DebtList>('/v1/debts').value;
  const owes = debts?.debts.some(({ mayReview }) => mayReview.includes(session.person.id)) === true;
  const actions = value?.actions ?? [];
  const decidable = actions.filter(({ you }) => you.mayDecide).length;
  usePageTitle(value === undefined ? 'Queue' : `Queue (${decidable})`);
  return (
    <>
      <h1>Waits for you</h1>
      {trouble === null ? null : <TroubleNotice trouble={trouble} retry={() => void reload()} />}
      {value === undefined && trouble === null ? <Waiting what="your queue" /> : null}
      {value === undefined ? null : <Warnings queue={value} />}
      {debts === undefined ? null : <Debts {...debts} />}
      {value !== undefined && actions.length === 0 ? (
        <div className="empty">
          <p>{owes ? 'Nothing else waits for you.' : 'Nothing waits for you.'}</p>
          <p className="small">
            {checkedAtMs === null ? null : (
              <>
                Looked <When atMs={checkedAtMs} />; this page changes by itself.{' '}
              </>
            )}
            <Link to={PATHS.actions}>All actions</Link>
          </p>
        </div>
      ) : null}
      <ul className="rows" aria-label="Actions that wait for you">
        {actions.map((action) => (
          <ActionRow key={action.actionId} action={action} note={noteOf(action)} />
        ))}
      </ul>
    </>
  );
}

function noteOf({ you: { mayDecide, why, breakGlass } }: Queue['actions'][number]): string | null {
  if (breakGlass?.may === true && breakGlass.by.length > 0)
    return `${breakGlass.by.join(' and ')} breaks the glass. ${breakGlass.why}`;
  return mayDecide ? null : `Not for you to decide: ${why}`;
}

function Warnings({ queue: { unreadable, truncated } }: { queue: Queue }) {
  return (
    <>
      {unreadable.length === 0 ? null : (
        <Notice tone="bad">
          The statements of these do not verify: the record was tampered with. {unreadable.join(', ')}
        </Notice>
      )}
      {truncated ? <Notice tone="warn">There are more open actions than could be looked at.</Notice> : null}
    </>
  );
}
