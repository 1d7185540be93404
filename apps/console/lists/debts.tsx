import { useSession } from '../api/session.js';
import type { Debt, Debts as DebtList } from '../api/types.js';
import { Notice } from '../parts/notice.js';
import { Section } from '../parts/section.js';
import { When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';

/** What is owed for broken glasses; while anything is, nobody breaks one. Nothing when nothing is. */
export function Debts({ debts, unreadable }: DebtList) {
  const { session } = useSession();
  return (
    <>
      {unreadable.length === 0 ? null : (
        <Notice tone="bad">
          The glass was broken for these, and their statements do not verify: the record was tampered with. Nobody can
          break it again until they are put back. {unreadable.join(', ')}
        </Notice>
      )}
      {debts.length === 0 ? null : (
        <Section
          title="Broken glasses to be reviewed"
          tone="warn"
          beside={<span className="count">{debts.length}</span>}
        >
          <p className="small">Until all of them are, nobody can break the glass.</p>
          <ul className="debts" aria-label="Broken glasses to be reviewed">
            {debts.map((debt) => (
              <DebtRow key={debt.actionId} debt={debt} isMine={debt.mayReview.includes(session.person.id)} />
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function DebtRow({ debt, isMine }: { debt: Debt; isMine: boolean }) {
  const { actionId, agent, operation, target, by, open, dueAtMs, isOverdue } = debt;
  return (
    <li>
      <p>
        <Link to={PATHS.action(actionId)}>
          {operation}
          {target === null ? '' : ` on ${target}`}
        </Link>{' '}
        {isOverdue ? <span className="chip chip-warn">overdue</span> : null}{' '}
        {isMine ? <span className="chip chip-mine">waits for you</span> : null}
      </p>
      <p className="small row-facts">
        <span>broken by {by.join(' and ')}</span>
        <span>asked by {agent}</span>
        <span>waits for {open.join(' and ')}</span>
        <span>
          due <When atMs={dueAtMs} />
        </span>
      </p>
    </li>
  );
}
