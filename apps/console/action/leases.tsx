import type { Action } from '../api/types.js';
import { Section } from '../parts/section.js';
import { When } from '../parts/when.js';

/** Every credential of the action, and the proof of its end. */
export function Leases({ action: { leases } }: { action: Action }) {
  if (leases.length === 0) return null;
  return (
    <Section title="Leases, and the proof of their end">
      <ul className="leases">
        {leases.map((lease) => (
          <li key={lease.accessor}>
            <p>
              <strong>For the {lease.purpose === 'execute' ? 'effect' : lease.purpose}</strong>, leased{' '}
              <When atMs={lease.leasedAtMs} />
            </p>
            {lease.username === null ? null : (
              <p>
                User <code>{lease.username}</code>
              </p>
            )}
            <p>
              {lease.revokedAtMs === null ? (
                <span className="state state-open">its end is not proven yet</span>
              ) : (
                <>
                  <span className="state state-good">ended</span> proven <When atMs={lease.revokedAtMs} />
                </>
              )}
            </p>
            {lease.proofs.length === 0 ? null : <Proofs proofs={lease.proofs} />}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Proofs({ proofs }: Pick<Action['leases'][number], 'proofs'>) {
  return (
    <details className="fold">
      <summary>{proofs.length === 1 ? '1 proof' : `${proofs.length} proofs`}</summary>
      <ul className="plain-list">
        {proofs.map(({ asked, answer }, index) => (
          <li key={index}>
            {asked}: <strong>{answer}</strong>
          </li>
        ))}
      </ul>
    </details>
  );
}
