import { useEffect, useState } from 'react';
import { callJson, Trouble } from '../api/http.js';
import { useSession } from '../api/session.js';
import type { Freeze, Freezes } from '../api/types.js';
import { Notice, TroubleNotice } from '../parts/notice.js';
import { Section, Untrusted } from '../parts/section.js';
import { When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';

/** What is frozen now, by whom, and how it is lifted. Nothing when nothing is. */
export function Frozen() {
  const { over } = useSession();
  const [list, setList] = useState<Freezes | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const gone = new AbortController();
    callJson<Freezes>('/v1/freezes', { signal: gone.signal }).then(
      (found) => {
        setList(found);
        setTrouble(null);
      },
      (error: unknown) => {
        if (gone.signal.aborted || !(error instanceof Trouble)) return;
        if (error.status === 401) over();
        setTrouble(error);
      },
    );
    return () => {
      gone.abort();
    };
  }, [attempt, over]);
  if (trouble !== null)
    return (
      <TroubleNotice
        trouble={trouble}
        retry={() => {
          setAttempt(attempt + 1);
        }}
      />
    );
  if (list === null) return null;
  return (
    <>
      {list.unreadable.length === 0 ? null : (
        <Notice tone="bad">
          These freezes do not verify: the record was tampered with. {list.unreadable.join(', ')}
        </Notice>
      )}
      {list.freezes.length === 0 ? null : (
        <div className="rows">
          {list.freezes.map((freeze) => (
            <FrozenPart key={freeze.digest} freeze={freeze} />
          ))}
        </div>
      )}
    </>
  );
}

/** One freeze, on any page. */
export function FrozenPart({
  freeze: { scope, by, reason, actionId, frozenAtMs, lifts, missing },
}: {
  freeze: Freeze;
}) {
  const words =
    scope.kind === 'all' ? 'all' : scope.kind === 'agent' ? `agent ${scope.agent}` : `operation ${scope.operation}`;
  return (
    <Section title={`Frozen: ${scope.kind === 'all' ? 'everything' : words}`} tone="bad">
      <p>
        {by === null ? (
          <>
            By the executor, for the effect of{' '}
            {actionId === null ? 'an action' : <Link to={PATHS.action(actionId)}>action {actionId}</Link>},{' '}
          </>
        ) : (
          <>
            By <strong>{by}</strong>,{' '}
          </>
        )}
        <When atMs={frozenAtMs} />. {peopleWords(missing, lifts.length > 0)} can lift it:{' '}
        <code>countersign unfreeze {words}</code>
      </p>
      {reason === null || by === null ? null : (
        <Untrusted whose={`${by}’s words`}>
          <p className="prose">{reason}</p>
        </Untrusted>
      )}
      {lifts.map((lift) => (
        <Untrusted key={lift.person} whose={`${lift.person}, who says that it may be lifted`}>
          <p className="prose">{lift.reason}</p>
        </Untrusted>
      ))}
    </Section>
  );
}

/** Who is still needed to lift it. */
function peopleWords(missing: number, isBegun: boolean): string {
  const more = isBegun ? 'more ' : '';
  return missing === 1 ? `One ${more}person` : `${missing} ${more}people`;
}
