import { useMemo } from 'react';
import { contentTones } from '../../../src/core/diff-tone.js';
import type { Action } from '../api/types.js';
import { CodeBox } from '../parts/code-box.js';
import { CodeLines } from '../parts/code-lines.js';
import { DiffView } from '../parts/diff-view.js';
import { Facts, Section } from '../parts/section.js';

const TITLES = {
  sql: 'SQL that would run',
  diff: 'What would change',
  text: 'What would run',
  json: 'What would run (JSON)',
} as const;

/** What runs if people approve, whole; never cut. Then what it would do, and the parameters to the letter. */
export function Content({ action: { preview, request } }: { action: Action }) {
  const parameters = JSON.stringify(request.params, null, 2);
  if (preview === null)
    return (
      <Section title="Parameters, as asked">
        <p>The preview is being made. It is read-only.</p>
        <CodeBox label="Parameters" text={parameters} />
      </Section>
    );
  const { content, facts } = preview;
  const title = TITLES[content.language];
  return (
    <>
      <Section title={title}>
        {content.language === 'diff' ? (
          <DiffView label={title} text={content.text} />
        ) : (
          <ToldContent label={title} content={content} />
        )}
      </Section>
      <Section title="What it would do">
        {facts.length === 0 ? null : (
          <Facts rows={facts.map(({ label, value }) => [label, <span className="prose">{value}</span>] as const)} />
        )}
        <details className="fold">
          <summary>Exact parameters</summary>
          <CodeBox label="Exact parameters" text={parameters} />
        </details>
      </Section>
    </>
  );
}

/** Text that is no diff, but may tell in its comments what comes and goes. */
function ToldContent({ label, content }: { label: string; content: NonNullable<Action['preview']>['content'] }) {
  const { lines, tones } = useMemo(
    () => ({ lines: content.text.split('\n'), tones: contentTones(content) }),
    [content],
  );
  return (
    <CodeBox label={label} text={content.text}>
      <CodeLines lines={lines} {...(tones.length === 0 ? {} : { tones })} hasSigns={false} />
    </CodeBox>
  );
}
