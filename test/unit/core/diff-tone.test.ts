import { expect, test } from 'vitest';
import { contentTones } from '../../../src/core/diff-tone.js';

const GRANT = [
  'BEGIN;',
  'GRANT "-- + x" TO "a";',
  'COMMIT;',
  '',
  '-- what differs:',
  '-- + new',
  '-- - gone',
  '--   kept',
];

test.each<[name: string, language: string, lines: string[], tones: string[]]>([
  ['a diff, by sign', 'diff', ['@@ a @@', '+b', '-c', ' d'], ['heading', 'added', 'removed', 'same']],
  [
    'SQL of ours, in the comments after its end',
    'sql',
    GRANT,
    ['same', 'same', 'same', 'same', 'same', 'added', 'removed', 'same'],
  ],
  ['SQL of ours, never in a statement', 'sql', ['BEGIN;', '-- + x', 'COMMIT;'], ['same', 'same', 'same']],
  ['a query of an agent’s: nothing', 'sql', ["select '", '-- + granted', "'"], []],
  ['plain text: nothing', 'text', ['+ a', '- b'], []],
])('%s', (_, language, lines, tones) => {
  expect(contentTones({ language, text: lines.join('\n') })).toEqual(tones);
});
