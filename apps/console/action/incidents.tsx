import type { Action } from '../api/types.js';
import { Section, Untrusted } from '../parts/section.js';
import { SeverityMark } from '../parts/severity.js';
import { When } from '../parts/when.js';

/** What was observed that had not been declared, and whether the agent is frozen for it. */
export function Incidents({ action: { incidents, freeze } }: { action: Action }) {
  if (incidents.length === 0) return null;
  return (
    <Section title={titleOf(incidents)} tone="bad">
      <ul className="flags">
        {incidents.map(({ severity, sentence, code, openedAtMs }) => (
          <li key={`${code} ${openedAtMs}`} className={`flag flag-${severity}`}>
            <SeverityMark severity={severity} />
            <span className="flag-words">
              {sentence} <span className="code-name">{code}</span> <When atMs={openedAtMs} />
            </span>
          </li>
        ))}
      </ul>
      {freeze === null ? null : <Freeze freeze={freeze} />}
    </Section>
  );
}

/** Those that are not about the effect. */
const TITLES: ReadonlyMap<string, string> = new Map([
  ['break_glass_unjustified', 'Incident: the glass should not have been broken'],
  ['lease_intercepted', 'Incident: somebody else took the credential'],
]);

function titleOf(incidents: Action['incidents']): string {
  const [first] = incidents;
  const isOneKind = incidents.every(({ code }) => code === first?.code);
  return (isOneKind && TITLES.get(first?.code ?? '')) || 'Incident: the effect is not what was declared';
}

function Freeze({ freeze: { agent, frozenAtMs, lifted } }: { freeze: NonNullable<Action['freeze']> }) {
  if (lifted === null)
    return (
      <p>
        Agent <strong>{agent}</strong> is frozen since <When atMs={frozenAtMs} />. To let it act again:{' '}
        <code>countersign unfreeze agent {agent}</code>
      </p>
    );
  return (
    <>
      <p>
        Agent <strong>{agent}</strong> was frozen for it; <strong>{lifted.person}</strong> unfroze it{' '}
        <When atMs={lifted.atMs} />.
      </p>
      <Untrusted whose={`${lifted.person}’s words`}>
        <p className="prose">{lifted.reason}</p>
      </Untrusted>
    </>
  );
}
