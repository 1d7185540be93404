import { describe, expect, test } from 'vitest';
import type { Flag, Preview } from '../../../src/core/schemas/action.js';
import { differenceSchema } from '../../../src/core/schemas/difference.js';
import { differenceBetween } from '../../../src/operations/difference.js';

const PREVIEW: Preview = {
  summary: 'Export of 1 table, about 12,000 rows',
  facts: [
    { label: 'Estimate', value: 'about 12,000 rows' },
    { label: 'Format', value: 'CSV' },
  ],
  content: { language: 'sql', text: 'select id\nfrom orders' },
  fingerprint: 'a'.repeat(64),
  estimate: {},
};
const LARGE: Flag = { code: 'large', severity: 'medium', sentence: 'It is large.' };
const NIGHT: Flag = { code: 'unusual_hour', severity: 'low', sentence: 'It is night.' };

const shown = (change: Partial<Preview> = {}, flags: Flag[] = []) => ({ preview: { ...PREVIEW, ...change }, flags });
const lines = (count: number, word: string): string =>
  Array.from({ length: count }, (_, n) => `${word} ${String(n)}`).join('\n');

describe('what differs between two rounds', () => {
  test('is nothing when the same is shown', () => {
    expect(differenceBetween(shown(), shown({ fingerprint: 'b'.repeat(64) }))).toEqual({
      facts: [],
      flagsAdded: [],
      flagsGone: [],
      itemsLeftOut: 0,
      content: null,
      contentLinesLeftOut: 0,
    });
  });

  test('names facts that changed, came or went, the summary first', () => {
    const now = shown({
      summary: 'Export of 1 table, about 90,000 rows',
      facts: [
        { label: 'Estimate', value: 'about 90,000 rows' },
        { label: 'Tables', value: 'orders' },
      ],
    });
    expect(differenceBetween(shown(), now).facts).toEqual([
      { label: 'Summary', before: PREVIEW.summary, now: 'Export of 1 table, about 90,000 rows' },
      { label: 'Estimate', before: 'about 12,000 rows', now: 'about 90,000 rows' },
      { label: 'Format', before: 'CSV', now: null },
      { label: 'Tables', before: null, now: 'orders' },
    ]);
  });

  test('names risks that are new and risks that are gone', () => {
    const difference = differenceBetween(shown({}, [NIGHT]), shown({}, [LARGE]));
    expect([difference.flagsAdded, difference.flagsGone]).toEqual([[LARGE], [NIGHT]]);
  });

  test('puts the gravest risk first, and tells one whose severity rose', () => {
    const rose: Flag = { ...LARGE, severity: 'critical' };
    const { flagsAdded, flagsGone } = differenceBetween(shown({}, [LARGE]), shown({}, [NIGHT, rose]));
    expect([flagsAdded, flagsGone]).toEqual([[rose, NIGHT], [LARGE]]);
  });

  test('does not call another wording of a flag of the moment a difference', () => {
    const later: Flag = { ...NIGHT, sentence: 'It is later at night.' };
    const between = (momentary: string[]): number =>
      differenceBetween(shown({}, [NIGHT]), shown({}, [later]), momentary).flagsAdded.length;
    expect([between(['unusual_hour']), between([])]).toEqual([0, 1]);
    expect(differenceBetween(shown(), shown({}, [later]), ['unusual_hour']).flagsAdded).toEqual([later]);
    const graver: Flag = { ...NIGHT, severity: 'high' };
    const { flagsAdded, flagsGone } = differenceBetween(shown({}, [NIGHT]), shown({}, [graver]), ['unusual_hour']);
    expect([flagsAdded, flagsGone]).toEqual([[graver], [NIGHT]]);
  });

  test('tells facts of the same label apart', () => {
    const facts = (...values: string[]) => shown({ facts: values.map((value) => ({ label: 'Table', value })) });
    expect(differenceBetween(facts('a', 'b'), facts('a', 'c', 'd')).facts).toEqual([
      { label: 'Table', before: 'b', now: 'c' },
      { label: 'Table', before: null, now: 'd' },
    ]);
  });

  test('leaves nothing out without counting it, and stays small enough to be on record', () => {
    const facts = (word: string) =>
      Array.from({ length: 40 }, (_, n) => ({ label: `${word} ${String(n)}`, value: '語'.repeat(2_000) }));
    const flags = (word: string): Flag[] =>
      Array.from({ length: 51 }, (_, n) => ({ code: `f${String(n)}`, severity: 'high', sentence: word.repeat(100) }));
    const of = (word: string) =>
      shown({ facts: facts(word), content: { language: 'text', text: lines(1_000, `\u0001${word}`) } }, flags(word));
    const difference = differenceBetween(of('old'), of('new'));
    expect(differenceSchema.parse(difference)).toEqual(difference);
    const kept = difference.facts.length + difference.flagsAdded.length + difference.flagsGone.length;
    expect(kept + difference.itemsLeftOut).toBe(40 + 40 + 51 + 51);
    expect(difference.flagsAdded).toHaveLength(51);
    expect(Buffer.byteLength(JSON.stringify(difference))).toBeLessThan(90_000);
  });

  test('shows a line feed at the end as a line', () => {
    const now = shown({ content: { language: 'sql', text: 'select id\nfrom orders\n' } });
    expect(differenceBetween(shown(), now).content).toBe('@@ -1,2 +1,3 @@\n select id\n from orders\n+');
  });

  test('shows what would run line by line, with the lines around', () => {
    const now = shown({ content: { language: 'sql', text: 'select id, email\nfrom orders' } });
    expect(differenceBetween(shown(), now).content).toContain('-select id\n+select id, email\n from orders');
  });

  test.each([
    ['a thousand long lines', 700, 'x'.repeat(100)],
    ['nearly all of many', 9_000, 'y'],
  ])('counts the lines that do not fit: %s', (_what, count, word) => {
    const before = shown({ content: { language: 'text', text: lines(count, `before ${word}`) } });
    const now = shown({ content: { language: 'text', text: lines(count, `now ${word}`) } });
    const difference = differenceBetween(before, now);
    expect(differenceSchema.parse(difference)).toEqual(difference);
    expect((difference.content?.split('\n').length ?? 0) + difference.contentLinesLeftOut).toBeGreaterThanOrEqual(
      2 * count,
    );
    expect(difference.contentLinesLeftOut).toBeGreaterThan(0);
  });
});
