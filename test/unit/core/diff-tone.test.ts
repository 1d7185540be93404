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
    'a diff of two files: the names of their sides are no lines of a hunk',
    'diff',
    [
      ' meaning',
      '--- a',
      '+++ a',
      '@@ -1,2 +1,2 @@',
      ' x',
      '--- y',
      '\\ No newline at end of file',
      '+++ z',
      '--- b',
      '+++ b',
      '@@ -1 +1,0 @@',
      '-gone',
    ],
    [
      'same',
      'heading',
      'heading',
      'heading',
      'same',
      'removed',
      'same',
      'added',
      'heading',
      'heading',
      'heading',
      'removed',
    ],
  ],
  [
    'a diff without numbered hunks: only the first two lines name sides',
    'diff',
    ['@@ a @@', '--- b', '+++ c', '@@ d @@', ' e'],
    ['heading', 'removed', 'added', 'heading', 'same'],
  ],
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
