import { useMemo, useState } from 'react';
import { CodeBox } from './code-box.js';
import { CodeLines } from './code-lines.js';
import { diffSections, type DiffSection } from './diff-sections.js';

/** With more sections than this they are closed at first, and can be searched. */
const OPEN_SECTIONS = 12;

/** A diff: added and removed lines by sign, colour and word; what stands under one heading opens and closes. */
export function DiffView({ label, text }: { label: string; text: string }) {
  const sections = useMemo(() => diffSections(text), [text]);
  const titled = sections.filter(({ title }) => title !== null);
  const isLong = titled.length > OPEN_SECTIONS;
  const [sought, setSought] = useState('');
  // A new number makes all sections anew, open or closed.
  const [all, setAll] = useState({ open: !isLong, times: 0 });
  const shown = useMemo(() => sections.filter((section) => isSought(section, sought)), [sections, sought]);
  const toggle = (
    <button
      type="button"
      className="quiet"
      onClick={() => {
        setAll(({ open, times }) => ({ open: !open, times: times + 1 }));
      }}
    >
      {all.open ? 'Close all' : 'Open all'}
    </button>
  );
  return (
    <>
      {isLong ? <Search sought={sought} seek={setSought} found={shown.length} of={sections.length} /> : null}
      <CodeBox label={label} text={text} tools={titled.length > 1 ? toggle : null}>
        {shown.map((section) => (
          <Part key={`${section.from} ${all.times}`} section={section} isOpen={all.open} />
        ))}
      </CodeBox>
    </>
  );
}

function isSought({ title, lines }: DiffSection, sought: string): boolean {
  const words = sought.toLowerCase();
  if (words === '' || title?.toLowerCase().includes(words) === true) return true;
  return lines.some((line) => line.toLowerCase().includes(words));
}

interface SearchProps {
  sought: string;
  seek: (words: string) => void;
  found: number;
  of: number;
}

function Search({ sought, seek, found, of }: SearchProps) {
  return (
    <div className="code-search">
      <label>
        Find in this change
        <input
          type="search"
          value={sought}
          onChange={({ target }) => {
            seek(target.value);
          }}
        />
      </label>
      <span role="status">{sought === '' ? `${of} parts` : `${found} of ${of} parts hold it`}</span>
    </div>
  );
}

function Part({ section, isOpen }: { section: DiffSection; isOpen: boolean }) {
  const { title, lines, tones, from, added, removed } = section;
  const content = <CodeLines lines={lines} tones={tones} from={from} isOpen={isOpen || title === null} />;
  if (title === null) return <div className="part-preface">{content}</div>;
  return (
    <details className="part" open={isOpen}>
      <summary>
        <span className="part-title">{title}</span>
        <span className="part-counts">
          {added > 0 ? (
            <span className="count-added">
              +{added}
              <span className="unseen"> added</span>
            </span>
          ) : null}
          {removed > 0 ? (
            <span className="count-removed">
              −{removed}
              <span className="unseen"> removed</span>
            </span>
          ) : null}
        </span>
      </summary>
      {content}
    </details>
  );
}
