// Control, format, surrogate and separator characters, and all that renders as nothing: what can move a cursor,
// reorder a line, or hide in it. Line feed and tab are judged apart; the plain space is the only blank left alone.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

/**
 * Untrusted text (from agents, targets, chat) made safe to show: terminal sequences, other controls, direction
 * overrides and invisible characters become visible as `⟨U+202E⟩`. Line feeds and tabs stay.
 * It does not escape any channel's own markup.
 */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, (character) =>
    character === '\n' || character === '\t' ? character : nameOf(character),
  );
}

/** The same for text that must stay on one line: line feeds and tabs become visible too. */
export function visibleLine(text: string): string {
  return text.replace(INVISIBLE, nameOf);
}

/** Untrusted text as one Markdown code span: the only form in which no link, image or markup comes alive. */
export function markdownLiteral(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence} ${visibleLine(text)} ${fence}`;
}

/** JSON text that no terminal acts on: the same characters as `\u` escapes, so that a parser reads what was meant. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(INVISIBLE, (character) =>
    character === '\n' ? character : escapeUnits(character),
  );
}

function nameOf(character: string): string {
  const codePoint = character.codePointAt(0) ?? 0;
  return `⟨U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}
