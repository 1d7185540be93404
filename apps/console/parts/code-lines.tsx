import { memo, useEffect, useRef, useState } from 'react';
import type { DiffTone } from '../../../src/core/diff-tone.js';

interface CodeLinesProps {
  lines: readonly string[];
  /** Of each line; left out: all are alike. */
  tones?: readonly DiffTone[];
  /** Whether lines begin with the sign of their tone, as those of a diff do. Default true. */
  hasSigns?: boolean;
  /** Number of the first line. */
  from?: number;
  /** Whether its beginning is in sight at once. Default true. */
  isOpen?: boolean;
}

const CHUNK_LINES = 150;

/**
 * Lines of a text, whole. All of it is on the page at once, to be found and read aloud; numbers and colours come
 * to a part when it is about to be seen, so that a hundred thousand lines stay quick.
 */
export const CodeLines = memo(function CodeLines({
  lines,
  tones,
  hasSigns = true,
  from = 1,
  isOpen = true,
}: CodeLinesProps) {
  const chunks = Array.from({ length: Math.ceil(lines.length / CHUNK_LINES) }, (_, index) => index * CHUNK_LINES);
  return chunks.map((start) => (
    <Chunk
      key={start}
      lines={lines.slice(start, start + CHUNK_LINES)}
      {...(tones === undefined ? {} : { tones: tones.slice(start, start + CHUNK_LINES) })}
      hasSigns={hasSigns}
      from={from + start}
      isNear={isOpen && start === 0}
    />
  ));
});

interface ChunkProps extends Omit<CodeLinesProps, 'isOpen'> {
  isNear: boolean;
}

function Chunk({ lines, tones, hasSigns = true, from = 1, isNear: wasNear }: ChunkProps) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(wasNear);
  useEffect(() => {
    if (isNear || place.current === null) return;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true);
      },
      { rootMargin: '1500px' },
    );
    observer.observe(place.current);
    return () => {
      observer.disconnect();
    };
  }, [isNear]);
  if (!isNear)
    return (
      <div ref={place} className="chunk-far">
        {lines.join('\n')}
      </div>
    );
  return lines.map((line, index) => (
    <Line key={index} text={line} tone={tones?.[index]} hasSigns={hasSigns} number={from + index} />
  ));
}

interface LineProps {
  text: string;
  tone: DiffTone | undefined;
  hasSigns: boolean;
  number: number;
}

// The sign stands apart, so that added and removed lines begin where the others do; a copy holds it all the same.
function Line({ text, tone, hasSigns, number }: LineProps) {
  if (tone === undefined || tone === 'heading' || (tone === 'same' && !hasSigns))
    return (
      <div className={tone === 'heading' ? 'line line-heading' : 'line'} data-number={number}>
        {`${text}\n`}
      </div>
    );
  const word = tone === 'same' ? null : <span className="unseen">{tone === 'added' ? 'added: ' : 'removed: '}</span>;
  if (!hasSigns)
    return (
      <div className={`line line-${tone} line-unsigned`} data-number={number}>
        {word}
        {`${text}\n`}
      </div>
    );
  const isSigned = tone !== 'same' || text.startsWith(' ');
  return (
    <div className={`line line-${tone}`} data-number={number}>
      {word}
      <span className="sign">{isSigned ? text.slice(0, 1) : ' '}</span>
      {`${isSigned ? text.slice(1) : text}\n`}
    </div>
  );
}
