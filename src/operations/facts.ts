const FACT_CHARS = 2_000;

/** Lines as one fact's value. Facts are a summary: what is left out is counted, and the content itself is always whole. */
export function fitLines(lines: readonly string[]): string {
  if (lines.length === 0) return 'nothing';
  const shown: string[] = [];
  let length = 0;
  for (const line of lines) {
    length += line.length + 1;
    if (length > FACT_CHARS - 40) break;
    shown.push(line);
  }
  const more = lines.length - shown.length;
  return more === 0 ? shown.join('\n') : [...shown, `and ${String(more)} more`].join('\n');
}

/** A number out of an estimate, which is JSON. */
export function numberIn(value: unknown, ifMissing: number): number {
  return typeof value === 'number' ? value : ifMissing;
}
