/** One place of a pattern: a character, `?`, `*`, or a policy variable such as `${aws:username}`. */
type Token =
  { kind: 'character'; text: string } | { kind: 'one' } | { kind: 'many' } | { kind: 'variable'; name: string };

/**
 * Whether everything that `specific` stands for, `general` stands for too. Never true in error; in rare cases (`a*?`
 * against `a?*`) false where it could be true, which shows a change that is none.
 */
export function covers(general: string, specific: string): boolean {
  if (general === specific || general === '*') return true;
  if (!/[*?$]/.test(general)) return false;
  const wide = tokensOf(general);
  const narrow = tokensOf(specific);
  return matches(wide, narrow, (left, right) => {
    if (left.kind === 'character') return right.kind === 'character' && left.text === right.text;
    if (left.kind === 'variable') return right.kind === 'variable' && left.name === right.name;
    return left.kind === 'one' && (right.kind === 'character' || right.kind === 'one');
  });
}

/** Whether there may be something that both stand for. Never false in error: a variable may stand for anything. */
export function overlaps(one: string, other: string): boolean {
  if (!/[*?$]/.test(one + other)) return one === other;
  const left = tokensOf(one).map(widen);
  const right = tokensOf(other).map(widen);
  const rows = left.length + 1;
  const columns = right.length + 1;
  const reached = new Uint8Array(rows * columns);
  reached[0] = 1;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (reached[row * columns + column] !== 1) continue;
      const a = left[row];
      const b = right[column];
      if (a?.kind === 'many') reached[(row + 1) * columns + column] = 1;
      if (b?.kind === 'many') reached[row * columns + column + 1] = 1;
      if (a === undefined || b === undefined) continue;
      if (a.kind === 'many') reached[row * columns + column + 1] = 1;
      else if (b.kind === 'many') reached[(row + 1) * columns + column] = 1;
      else if (a.kind === 'one' || b.kind === 'one' || sameCharacter(a, b))
        reached[(row + 1) * columns + column + 1] = 1;
    }
  }
  return reached[rows * columns - 1] === 1;
}

export function hasWildcard(pattern: string): boolean {
  return /[*?]/.test(pattern.replace(/\$\{[*?$]\}/g, ''));
}

/** Only `many` on the left takes several places of the right. */
function matches(left: Token[], right: Token[], takes: (left: Token, right: Token) => boolean): boolean {
  let reached = new Set([0]);
  for (const token of left) {
    const next = new Set<number>();
    if (token.kind === 'many') {
      for (let place = Math.min(...reached); place <= right.length; place += 1) next.add(place);
    } else {
      for (const place of reached) {
        const taken = right[place];
        if (taken !== undefined && takes(token, taken)) next.add(place + 1);
      }
    }
    if (next.size === 0) return false;
    reached = next;
  }
  return reached.has(right.length);
}

function widen(token: Token): Token {
  return token.kind === 'variable' ? { kind: 'many' } : token;
}

function sameCharacter(one: Token, other: Token): boolean {
  return one.kind === 'character' && other.kind === 'character' && one.text === other.text;
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (const [part] of pattern.matchAll(/\$\{[^}]*\}|[^]/gu)) {
    if (part === '*') tokens.push({ kind: 'many' });
    else if (part === '?') tokens.push({ kind: 'one' });
    else if (/^\$\{[*?$]\}$/.test(part)) tokens.push({ kind: 'character', text: part.charAt(2) });
    else if (part.startsWith('${')) tokens.push({ kind: 'variable', name: part.toLowerCase() });
    else tokens.push({ kind: 'character', text: part });
  }
  return tokens;
}
