import { useLookedAt } from '../api/live.js';
import type { Alarms, Freezes } from '../api/types.js';
import { Link, PATHS } from '../routing.js';
import { Notice } from './notice.js';
import { When } from './when.js';

/** Says on every page what stops work now, and what to do. Nothing while nothing does. */
export function Standing() {
  const alarms = useLookedAt<Alarms>('/v1/alarms');
  const freezes = useLookedAt<Freezes>('/v1/freezes');
  return <StandingNotices alarms={alarms.value?.alarms ?? []} freezes={freezes.value ?? null} />;
}

interface StandingNoticesProps {
  alarms: Alarms['alarms'];
  freezes: Freezes | null;
}

export function StandingNotices({ alarms, freezes }: StandingNoticesProps) {
  const stopping = alarms.filter(({ stopsApprovals, cleared }) => stopsApprovals && cleared === null);
  const isFrozen = freezes !== null && freezes.freezes.length + freezes.unreadable.length > 0;
  if (stopping.length === 0 && !isFrozen) return null;
  return (
    <aside className="standing" aria-label="What stops work now">
      <AlarmNotice alarms={stopping} />
      {freezes === null || !isFrozen ? null : <FrozenNotice {...freezes} />}
    </aside>
  );
}

/** Of several alarms the oldest: one after the other is looked into. */
function AlarmNotice({ alarms }: { alarms: Alarms['alarms'] }) {
  const first = alarms.at(-1);
  if (first === undefined) return null;
  const others = alarms.length - 1;
  return (
    <Notice tone="bad">
      <strong>Nothing is approved or run</strong> while the alarm <code>{first.code}</code> stands, since{' '}
      <When atMs={first.raisedAtMs} />. Denials still count. {first.sentence} Who may lift freezes clears it after a
      look: <code className="breaks">countersign clear {first.digest} --reason &apos;…&apos;</code>
      {others === 0 ? null : (
        <>
          {' '}
          {others === 1 ? 'One more alarm stands' : `${others} more alarms stand`}: <code>countersign alarms</code>
        </>
      )}
    </Notice>
  );
}

const MOST_NAMED = 5;

function FrozenNotice({ freezes, unreadable }: Freezes) {
  const names = [
    ...new Set(
      freezes.map(({ scope }) =>
        scope.kind === 'all' ? 'everything' : scope.kind === 'agent' ? `agent ${scope.agent}` : scope.operation,
      ),
    ),
  ];
  const more = names.length - MOST_NAMED;
  return (
    <Notice tone="warn">
      {names.length === 0 ? null : (
        <>
          <strong>Frozen:</strong> {names.slice(0, MOST_NAMED).join(', ')}
          {more > 0 ? ` and ${more} more` : null}. Nothing of it is taken or run.{' '}
        </>
      )}
      {unreadable.length === 0 ? null : 'A freeze on record does not verify: what it covers is refused. '}
      <Link to={PATHS.incidents}>Who froze it, why, and how it is lifted</Link>
    </Notice>
  );
}
