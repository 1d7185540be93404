import { contentTones, type DiffTone } from '../../../src/core/diff-tone.js';
import { visibleText } from '../../../src/core/visible-text.js';
import { wrap } from './layout.js';
import type { Style } from './style.js';

interface Look {
  width: number;
  style: Style;
}

const MARGIN = '  | ';
/** Before the rest of a line that is too long: the end of a comment must not look like a line of its own. */
const MARGIN_OF_REST = '  : ';

/** Each line behind a margin of ours: what others wrote cannot look like a line of this program. */
export function quoted(text: string, { width }: Pick<Look, 'width'>): string[] {
  return visibleText(text)
    .split('\n')
    .flatMap((line) => quotedLine(line, width, (shown) => shown));
}

/** A preview's content, with what comes and what goes in colours. */
export function quotedContent(content: { language: string; text: string }, { width, style }: Look): string[] {
  const text = visibleText(content.text);
  const tones = contentTones({ ...content, text });
  return text.split('\n').flatMap((line, index) => quotedLine(line, width, paintOf(tones[index], style)));
}

function quotedLine(line: string, width: number, paint: (text: string) => string): string[] {
  return wrap(line.replaceAll('\t', '    '), width - MARGIN.length).map((part, index) => {
    const margin = index === 0 ? MARGIN : MARGIN_OF_REST;
    return part === '' ? margin.trimEnd() : `${margin}${paint(part)}`;
  });
}

function paintOf(tone: DiffTone | undefined, style: Style): (text: string) => string {
  if (tone === 'added') return style.green;
  if (tone === 'removed') return style.red;
  return tone === 'heading' ? style.cyan : (text) => text;
}
