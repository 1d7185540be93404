import type { Action } from '../api/types.js';
import { Section } from '../parts/section.js';
import { When } from '../parts/when.js';

/** Attempts that were turned away: they changed nothing. */
export function Refusals({ action: { refusals } }: { action: Action }) {
  if (refusals.length === 0) return null;
  return (
    <Section title="Refused attempts" beside={<span className="count">{refusals.length}</span>}>
      <ul className="plain-list">
        {refusals.map(({ who, code, message, atMs }, index) => (
          <li key={index}>
            <When atMs={atMs} /> <strong>{who ?? 'somebody unproven'}</strong>: {message}{' '}
            <span className="code-name">{code}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
