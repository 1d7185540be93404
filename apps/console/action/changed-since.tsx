import { DIFFERENCE_WORDS, itemsLeftOut } from '../../../src/core/difference-words.js';
import type { Difference } from '../../../src/core/schemas/difference.js';
import type { Action } from '../api/types.js';
import { DiffView } from '../parts/diff-view.js';
import { Section } from '../parts/section.js';
import { FlagLine } from './flag-list.js';

/** Why the review opened again, and what differs from what people were shown before. */
export function ChangedSince({ action: { reopened } }: { action: Action }) {
  if (reopened === null) return null;
  const { message, difference } = reopened;
  return (
    <Section title={difference === null ? 'Asked again' : DIFFERENCE_WORDS.title} tone="warn">
      <p>
        Opened again: {message} {DIFFERENCE_WORDS.decisions}
      </p>
      {difference === null ? null : <Differences difference={difference} />}
    </Section>
  );
}

function Differences({ difference }: { difference: Difference }) {
  const { plan = [], facts, flagsAdded, flagsGone, itemsLeftOut: left, content, contentLinesLeftOut } = difference;
  const demanded = plan.map((term) => ({ ...term, label: `${DIFFERENCE_WORDS.plan}: ${term.label}` }));
  const changed = [...demanded, ...facts];
  const flagCount = flagsAdded.length + flagsGone.length;
  if (flagCount + changed.length + left + contentLinesLeftOut === 0 && content === null)
    return <p>{DIFFERENCE_WORDS.same}</p>;
  return (
    <>
      {flagCount === 0 ? null : (
        <ul className="flags">
          {flagsAdded.map((flag, index) => (
            <FlagLine key={`added ${index}`} flag={flag} word={DIFFERENCE_WORDS.riskAdded} />
          ))}
          {flagsGone.map((flag, index) => (
            <FlagLine key={`gone ${index}`} flag={flag} word={DIFFERENCE_WORDS.riskGone} />
          ))}
        </ul>
      )}
      {changed.length === 0 ? null : <Changed rows={changed} />}
      {left === 0 ? null : <p className="small">{itemsLeftOut(left)}</p>}
      {content === null ? null : <DiffView label="What differs in the content" text={content} />}
      {contentLinesLeftOut === 0 ? null : (
        <p className="small">
          {contentLinesLeftOut.toLocaleString('en')} more lines differ; the content below is whole.
        </p>
      )}
    </>
  );
}

function Changed({ rows }: { rows: readonly { label: string; before: string | null; now: string | null }[] }) {
  return (
    <dl className="facts changes">
      {rows.map(({ label, before, now }, index) => (
        <div key={index}>
          <dt>{label}</dt>
          <dd>
            <del>
              <span className="small">{DIFFERENCE_WORDS.before}</span> {before ?? DIFFERENCE_WORDS.absent}
            </del>
            <ins>
              <span className="small">{DIFFERENCE_WORDS.now}</span> {now ?? DIFFERENCE_WORDS.absent}
            </ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}
