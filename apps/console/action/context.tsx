import type { Action } from '../api/types.js';
import { Named } from '../parts/people.js';
import { Section } from '../parts/section.js';
import { StateMark } from '../parts/state.js';
import { When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';

/** Who else is affected, and how the agent's last actions ended. */
export function Context({ action: { context } }: { action: Action }) {
  if (context === null) return null;
  const { owners, recent } = context;
  return (
    <Section title="Who is affected, and what the agent did before">
      {owners.length === 0 ? (
        <p>No owner of the target is listed.</p>
      ) : (
        <p>
          Owned by <Named names={owners} />, who may be affected.
        </p>
      )}
      {recent.length === 0 ? (
        <p>No earlier action of this agent has ended.</p>
      ) : (
        <ul className="past" aria-label="The last actions of this agent">
          {recent.map(({ actionId, operation, target, outcome, concludedAtMs }) => (
            <li key={actionId}>
              <Link to={PATHS.action(actionId)}>
                {operation}
                {target === null ? '' : ` on ${target}`}
              </Link>
              <StateMark action={{ state: 'done', outcome: { status: outcome, code: '', message: '' } }} />
              <When atMs={concludedAtMs} brief />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
