/** Says what a misspelt name may have meant: `the directory has "dba"`. */
export function suggest(name: string, known: Iterable<string>, where: string): string {
  const names = [...known].sort();
  const close = names.filter((candidate) => distance(name, candidate) <= Math.max(1, Math.floor(name.length / 3)));
  const shown = close.length > 0 ? close : names;
  if (shown.length === 0) return `${where} has none`;
  const listed = shown.slice(0, 5).map((candidate) => `"${candidate}"`);
  const more = shown.length > 5 ? ` and ${String(shown.length - 5)} more` : '';
  return `${where} has ${listed.join(', ')}${more}`;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? a.length;
}
