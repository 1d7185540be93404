import type { ReactNode } from 'react';
import type { Action } from '../api/types.js';
import { Facts, Section } from '../parts/section.js';
import { When } from '../parts/when.js';
import { span } from '../time/words.js';

/** What policy demands, by which of its permits, who may decide, and who is barred and why. */
export function PolicyPart({ action }: { action: Action }) {
  const { plan, policy, barred, actionDigest } = action;
  if (plan === null) return null;
  const rows: [string, ReactNode][] = [
    ['Needs', plan.stages.length === 0 ? 'nobody: automatic, as policy wrote out' : <Stages action={action} />],
  ];
  if (plan.escalations.length > 0) rows.push(['Escalates to', <Escalations key="escalations" action={action} />]);
  if (plan.remindAfterMs !== null)
    rows.push(['Reminds', `after ${span(plan.remindAfterMs)}, then after twice the wait each time`]);
  rows.push(
    ['Expires', `${span(plan.expireAfterMs)} after it was opened; expired means denied`],
    ['Lease', `a credential for at most ${span(plan.leaseTtlSeconds * 1_000)}`],
  );
  if (plan.assurance === 'web') rows.push(['Decided', 'only here, after a fresh sign-in']);
  if (plan.freeze !== undefined) rows.push(['Otherwise', 'an effect other than declared freezes the agent']);
  if (plan.breakGlass !== undefined) {
    const { stages, leaseTtlSeconds, reviewWithinMs } = plan.breakGlass;
    const who = stages.map(({ group, quorum }) => `${quorum} of ${group}`).join(' and ');
    const terms = `a credential for at most ${span(leaseTtlSeconds * 1_000)}, a review within ${span(reviewWithinMs)}`;
    rows.push(['When it burns', `${who} can break the glass: ${terms}`]);
  }
  rows.push(['By permit', <Permits key="permits" ids={plan.policies} />]);
  return (
    <Section title="What policy demands">
      <Facts rows={rows} />
      {barred.length === 0 ? null : (
        <>
          <h3>Who may not decide</h3>
          <ul className="plain-list">
            {barred.map(({ person, because }) => (
              <li key={person}>
                <strong>{person}</strong>: {because}
              </li>
            ))}
          </ul>
        </>
      )}
      <details className="fold">
        <summary>Digests</summary>
        <Facts
          rows={[
            ['Policy bundle', policy === null ? '' : `number ${policy.number}, ${policy.digest}`],
            ['This action', actionDigest ?? ''],
            ['Its request', action.requestDigest],
          ].map(([label = '', value]) => [label, <code>{value}</code>] as const)}
        />
      </details>
    </Section>
  );
}

/** Each place that must be filled, and by whom it was. */
function Stages({ action: { plan, quorum } }: { action: Action }) {
  return (
    <ul className="plain-list">
      {plan?.stages.map(({ group, quorum: needed }) => {
        const open = quorum?.open.find((place) => place.group === group)?.places ?? 0;
        return (
          <li key={group}>
            {needed} of <strong>{group}</strong>
            <span className="small"> · {open === 0 ? 'filled' : `${needed - open} of ${needed} filled`}</span>
          </li>
        );
      })}
    </ul>
  );
}

function Escalations({ action: { plan, escalated, openedAtMs, state } }: { action: Action }) {
  return (
    <ul className="plain-list">
      {plan?.escalations.map(({ group, afterMs }) => {
        const fired = escalated.find((one) => one.group === group);
        const isDue = state === 'waiting' && openedAtMs !== null && fired === undefined;
        return (
          <li key={group}>
            <strong>{group}</strong> after {span(afterMs)}
            {fired === undefined ? null : (
              <span className="small">
                {' '}
                · since <When atMs={fired.firedAtMs} />
              </span>
            )}
            {isDue ? (
              <span className="small">
                {' '}
                · <When atMs={openedAtMs + afterMs} />
              </span>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}

function Permits({ ids }: { ids: readonly string[] }) {
  return (
    <ul className="plain-list">
      {ids.map((id) => (
        <li key={id}>
          <code>{id}</code>
        </li>
      ))}
    </ul>
  );
}
