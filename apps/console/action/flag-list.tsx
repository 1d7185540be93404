import type { Flag } from '../../../src/core/schemas/action.js';
import { gravestFirst } from '../../../src/core/severity.js';
import type { Action } from '../api/types.js';
import { Section } from '../parts/section.js';
import { SeverityMark } from '../parts/severity.js';

/** The risks that were found, the gravest first; and that none were. */
export function FlagList({ action: { flags, preview, request } }: { action: Action }) {
  if (preview === null) return null;
  return (
    <Section title="Risks found" beside={<span className="count">{flags.length}</span>}>
      {request.tainted === true ? (
        <p className="taint">The agent had read untrusted input before it asked: somebody else may have steered it.</p>
      ) : null}
      {flags.length === 0 ? <p>None of the checks of this operation found a risk.</p> : <Flags flags={flags} />}
    </Section>
  );
}

export function Flags({ flags }: { flags: readonly Flag[] }) {
  return (
    <ul className="flags">
      {gravestFirst(flags).map((flag, index) => (
        <FlagLine key={index} flag={flag} />
      ))}
    </ul>
  );
}

export function FlagLine({ flag: { severity, sentence, code }, word }: { flag: Flag; word?: string }) {
  return (
    <li className={`flag flag-${severity}`}>
      <SeverityMark severity={severity} />
      <span className="flag-words">
        {word === undefined ? null : <strong>{word}: </strong>}
        {sentence} <span className="code-name">{code}</span>
      </span>
    </li>
  );
}
