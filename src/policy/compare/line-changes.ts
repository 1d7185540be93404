import { diffLines } from 'diff';

/** One line of two texts, laid over each other. */
export interface LineChange {
  sign: ' ' | '+' | '-';
  line: string;
}

/** The time that comparing takes grows with the square of it. */
const EDITS_MAX = 1_000;

/** All lines of both texts, in their order. */
export function lineChanges(before: string, after: string): LineChange[] {
  const parts = diffLines(ended(before), ended(after), { maxEditLength: EDITS_MAX }) ?? [
    { value: ended(before), removed: true, added: false },
    { value: ended(after), removed: false, added: true },
  ];
  return parts.flatMap(({ value, added, removed }) => {
    const sign = added ? '+' : removed ? '-' : ' ';
    return linesOf(value).map((line) => ({ sign, line }) as const);
  });
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}
