// East Asian wide and emoji characters take two columns (Unicode TR 11, in the ranges that matter here).
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u;
const COMBINING = /\p{M}/u;
const STYLE_CODES = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');

/** Columns that a text takes in a terminal; colour codes of ours take none. */
export function widthOfText(text: string): number {
  let width = 0;
  for (const character of text.replace(STYLE_CODES, '')) {
    if (!COMBINING.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

/** The text, cut to a width with an ellipsis. For lists only: what people approve is never cut. */
export function cut(text: string, width: number): string {
  if (widthOfText(text) <= width) return text;
  let kept = '';
  for (const character of text) {
    if (widthOfText(kept + character) > width - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Breaks a text into lines at spaces, and inside words that are longer than a line. Nothing is left out. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => wrapLine(line, Math.max(width, 10)));
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(/(?<= )/)) {
    if (widthOfText(current + word.trimEnd()) <= width) {
      current += word;
      continue;
    }
    if (current !== '') lines.push(current.trimEnd());
    const pieces = split(word, width);
    lines.push(...pieces.slice(0, -1));
    current = pieces.at(-1) ?? '';
  }
  return [...lines, current.trimEnd()];
}

function split(word: string, width: number): string[] {
  const pieces = [''];
  for (const character of word) {
    const last = pieces.at(-1) ?? '';
    if (widthOfText(last + character) > width && character !== ' ') pieces.push(character);
    else pieces[pieces.length - 1] = last + character;
  }
  return pieces;
}

/** Text laid out behind a margin on each of its lines. */
export function block(text: string, { margin, width }: { margin: string; width: number }): string[] {
  return wrap(text, width - widthOfText(margin)).map((line) => `${margin}${line}`.trimEnd());
}

const WIDEST_LABEL = 24;

/** `label  value` lines, values wrapped under each other; a label that is too long for its column takes lines of its own. */
export function fields(rows: readonly (readonly [label: string, value: string])[], width: number): string[] {
  const widths = rows.map(([label]) => widthOfText(label)).filter((label) => label <= WIDEST_LABEL);
  const column = Math.max(4, ...widths) + 2;
  return rows.flatMap(([label, value]) => {
    const lines = wrap(value, width - column);
    if (widthOfText(label) > WIDEST_LABEL) {
      return [...wrap(label, width), ...lines.map((line) => `${pad('', column)}${line}`.trimEnd())];
    }
    return lines.map((line, index) => `${pad(index === 0 ? label : '', column)}${line}`.trimEnd());
  });
}

/** A table whose last column is cut to what the line leaves. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], width: number): string[] {
  const last = head.length - 1;
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map(widthOfText)),
  );
  const used = widths.slice(0, last).reduce((sum, column) => sum + column + 2, 0);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column === last ? cut(cell, Math.max(width - used, 8)) : pad(cell, (widths[column] ?? 0) + 2),
      )
      .join('')
      .trimEnd();
  return [head, ...rows].map(line);
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOfText(text)));
}
