import { useState, type ReactNode } from 'react';
import { CopyButton } from './copy-button.js';
import { CodeLines } from './code-lines.js';

interface CodeBoxProps {
  /** What it is, e.g. `SQL that would run`. */
  label: string;
  text: string;
  /** Instead of the plain lines. */
  children?: ReactNode;
  /** Further buttons. */
  tools?: ReactNode;
}

/** Executable text with line numbers, whole. Long lines wrap, or scroll within the box. */
export function CodeBox({ label, text, children, tools }: CodeBoxProps) {
  const [wraps, setWraps] = useState(true);
  const lines = text.split('\n');
  const size = `${lines.length.toLocaleString('en')} ${lines.length === 1 ? 'line' : 'lines'}`;
  return (
    <div className="code-box">
      <div className="code-tools">
        <span className="code-size">{size}</span>
        {tools}
        <button
          type="button"
          className="quiet"
          aria-pressed={wraps}
          onClick={() => {
            setWraps(!wraps);
          }}
        >
          Wrap lines
        </button>
        <CopyButton text={text} what={label} />
      </div>
      <div className={wraps ? 'code code-wrapped' : 'code'} role="group" aria-label={label} tabIndex={0}>
        {children ?? <CodeLines lines={lines} />}
      </div>
    </div>
  );
}
