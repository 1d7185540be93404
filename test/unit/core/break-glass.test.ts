import { describe, expect, test } from 'vitest';
import { cleanReason } from '../../../src/channels/person-reason.js';
import { lackOfGlass } from '../../../src/core/break-glass.js';

const lackOf = (reason: string) => lackOfGlass({ channel: 'api', reason: cleanReason(reason, null) });

describe('the reason of who breaks the glass', () => {
  test.each([
    ['zero-width spaces', '\u200B'.repeat(20)],
    ['word joiners', '\u2060'.repeat(20)],
    ['direction marks', '\u202E\u200F'.repeat(10)],
    ['Hangul fillers', '\u3164'.repeat(20)],
    ['empty Braille', '\u2800'.repeat(20)],
    ['soft hyphens around one letter', `${'\u00AD'.repeat(19)}x`],
    ['spaces within', `x${' '.repeat(18)}x`],
    ['empty Braille within', `x${'\u2800'.repeat(18)}x`],
  ])('is not one that shows nothing: %s', (_, sent) => {
    expect(lackOf(sent)).toMatchObject({ code: 'reason_missing' });
  });

  test.each([
    ['twenty letters', 'x'.repeat(20)],
    ['Arabic', 'قاعدة البيانات متوقفة تماما'],
    ['emoji that are joined', `👩‍🚒 the shop is burning`],
  ])('is one that shows something: %s', (_, sent) => {
    expect(lackOf(sent)).toBeNull();
  });
});
