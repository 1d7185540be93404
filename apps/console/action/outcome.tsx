import type { ReactNode } from 'react';
import type { Action } from '../api/types.js';
import { CopyButton } from '../parts/copy-button.js';
import { Facts, Section } from '../parts/section.js';
import { toneOf, stateWord } from '../parts/state.js';
import { When } from '../parts/when.js';

/** How it ended, with the facts of the effect, the output and the receipt. */
export function OutcomePart({ action }: { action: Action }) {
  const { outcome, receipt } = action;
  if (outcome === null) return null;
  const { result } = outcome;
  const tone = toneOf(action);
  const hasOutput = outcome.status === 'succeeded' && typeof result?.['sha256'] === 'string';
  const word = stateWord(action);
  return (
    <Section
      title={`Outcome: ${word}`}
      {...(tone === 'good' || tone === 'bad' ? { tone } : {})}
      beside={<span className="code-name">{outcome.code}</span>}
    >
      <p>{outcome.message}</p>
      {result === undefined ? null : (
        <Facts rows={Object.entries(result).map(([name, value]) => [name, shown(value)])} />
      )}
      {hasOutput ? <p className="small">The agent that asked may fetch the output; each fetch is on record.</p> : null}
      {receipt === null ? null : (
        <p className="small">
          Receipt {receipt.closing ? 'closed' : 'signed'} <When atMs={receipt.concludedAtMs} />.{' '}
          <span className="with-button">
            <code>{receipt.digest}</code>
            <CopyButton text={receipt.digest} what="the receipt’s digest" />
          </span>
        </p>
      )}
    </Section>
  );
}

function shown(value: unknown): ReactNode {
  if (typeof value === 'string' && /^[0-9a-f]{40,}$/.test(value)) return <code>{value}</code>;
  if (typeof value === 'string') return <span className="prose">{value}</span>;
  if (typeof value === 'number') return value.toLocaleString('en');
  return <code>{JSON.stringify(value)}</code>;
}
