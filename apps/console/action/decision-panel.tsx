import { useEffect, useRef, useState, type RefObject } from 'react';
import { useSession } from '../api/session.js';
import type { Action } from '../api/types.js';
import { Notice, SessionOver } from '../parts/notice.js';
import { Named } from '../parts/people.js';
import { Countdown, When } from '../parts/when.js';
import { BreakGlass } from './break-glass.js';
import { DecisionForm } from './decision-form.js';
import { upcomingEvents } from './upcoming-events.js';
import { useDecision, type Verdict } from './use-decision.js';

interface DecisionPanelProps {
  action: Action;
  reload: () => Promise<Action | undefined>;
  heading: RefObject<HTMLHeadingElement | null>;
}

/** What the person who looks can do: decide, or read why not, and what stands. Always in sight. */
export function DecisionPanel({ action, reload, heading }: DecisionPanelProps) {
  const { session, isOver } = useSession();
  const deciding = useDecision(action, reload);
  const [readDigest, setReadDigest] = useState(action.actionDigest);
  const title = useRef<HTMLHeadingElement>(null);
  // Before there was a plan, nothing was there to be read.
  useEffect(() => {
    setReadDigest((before) => before ?? action.actionDigest);
  }, [action.actionDigest]);
  const isNew = readDigest !== null && action.actionDigest !== readDigest;
  const mine = action.decisions.findLast(({ current, person }) => current && person === session.person.id);
  const taken = () => title.current?.focus({ preventScroll: true });
  const isOpen = action.state === 'waiting' && mine === undefined && denialOf(action) === undefined;
  return (
    <aside className={isOpen ? 'decision decision-open' : 'decision'} aria-labelledby="decision-title">
      <h2 id="decision-title" ref={title} tabIndex={-1}>
        {isOpen ? 'Your decision' : 'Where it stands'}
      </h2>
      <Standing action={action} />
      {mine === undefined ? null : (
        <p className="mine">
          You {WORDS[verdictOf(mine)].active} it <When atMs={mine.decidedAtMs} />.
        </p>
      )}
      {deciding.told === null ? null : <Notice tone={deciding.told.tone}>{deciding.told.sentence}</Notice>}
      {isOver ? <SessionOver /> : null}
      {isNew && isOpen ? (
        <Changed
          read={() => {
            setReadDigest(action.actionDigest);
            heading.current?.focus();
          }}
        />
      ) : null}
      {isOpen ? <DecisionForm action={action} deciding={deciding} isBlocked={isNew || isOver} taken={taken} /> : null}
      <BreakGlass action={action} deciding={deciding} isBlocked={isNew || isOver} taken={taken} />
    </aside>
  );
}

/** One is enough; until the action has ended its state is still that of waiting. */
function denialOf({ decisions }: Action): Action['decisions'][number] | undefined {
  return decisions.find(({ current, decision }) => current && decision === 'deny');
}

/** Who reads one thing must not decide another. */
function Changed({ read }: { read: () => void }) {
  return (
    <Notice
      tone="warn"
      action={
        <button type="button" onClick={read}>
          Read it again
        </button>
      }
    >
      What is asked changed while you read.
    </Notice>
  );
}

function Standing({ action }: { action: Action }) {
  const { state, quorum, decisions, breakGlass } = action;
  const breakers = breakGlass?.by.map(({ person }) => person).join(' and ') ?? '';
  const broken = breakGlass === null || breakGlass.state === 'offered' ? null : `The glass was broken by ${breakers}`;
  const approvers = decisions
    .filter((taken) => taken.current && verdictOf(taken) === 'approve')
    .map(({ person }) => person)
    .join(', ');
  switch (state) {
    case 'preparing':
      return <p>The preview is being made.</p>;
    case 'waiting': {
      const denial = denialOf(action);
      if (denial !== undefined)
        return (
          <p>
            Denied by <strong>{denial.person}</strong>; nothing runs.
          </p>
        );
      const open = quorum?.open.map(({ group, places }) => `${places} of ${group}`).join(' and ') ?? '';
      return (
        <>
          <p className="waits">
            Waits for <strong>{open}</strong>
            {approvers === '' ? null : <span className="small"> · approved by {approvers}</span>}
            {breakers === '' ? null : <span className="small"> · glass broken by {breakers}</span>}
          </p>
          <Clocks action={action} />
        </>
      );
    }
    case 'approved':
      return <p>{broken ?? `Approved by ${approvers === '' ? 'policy' : approvers}`}; about to run.</p>;
    case 'running':
      return <p>{broken === null ? null : `${broken}. `}Running under a lease of its own.</p>;
    case 'done':
      return <Ended action={action} />;
  }
}

const WORDS = {
  approve: { active: 'approved', passive: 'Approved' },
  deny: { active: 'denied', passive: 'Denied' },
  break: { active: 'broke the glass for', passive: 'Glass broken' },
} as const;

function verdictOf({ decision, breakGlass }: Action['decisions'][number]): Verdict {
  return breakGlass === true ? 'break' : decision;
}

function Clocks({ action }: { action: Action }) {
  const { plan, expiresAtMs } = action;
  const [next] = upcomingEvents(action).filter(({ sentence }) => sentence.startsWith('Escalates'));
  const group = plan?.escalations.find(({ afterMs }) => (action.openedAtMs ?? 0) + afterMs === next?.atMs)?.group;
  return (
    <dl className="clocks">
      {next === undefined ? null : (
        <div>
          <dt>Escalates to {group}</dt>
          <dd>
            <Countdown atMs={next.atMs} over="any moment" />
          </dd>
        </div>
      )}
      <div>
        <dt>Expires</dt>
        <dd>
          <Countdown atMs={expiresAtMs} over="any moment" />
        </dd>
      </div>
    </dl>
  );
}

function Ended({ action: { outcome, lease, decisions } }: { action: Action }) {
  const counted = decisions.filter(({ current }) => current);
  const last = counted.at(-1);
  // It takes several to break the glass; of all others the last one settled it.
  const isBroken = last?.breakGlass === true;
  const names = counted.filter((taken) => taken === last || (isBroken && taken.breakGlass)).map(({ person }) => person);
  return (
    <>
      <p>
        Ended: <strong>{(outcome?.status ?? 'done').replaceAll('_', ' ')}</strong>.
      </p>
      {last === undefined ? null : (
        <p>
          {WORDS[verdictOf(last)].passive} by <Named names={names} /> <When atMs={last.decidedAtMs} />.
        </p>
      )}
      <p>{LEASE_WORDS[lease]}</p>
    </>
  );
}

const LEASE_WORDS: Record<Action['lease'], string> = {
  none: 'No credential was ever leased to run it.',
  open: 'The end of its credential is not proven yet.',
  revoked: 'Its credential has ended; the proof is below.',
};
