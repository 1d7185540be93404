import { describe, expect, it } from 'vitest';
import { visibleJson, visibleLine, visibleText } from '../../../src/core/visible-text.js';

describe('untrusted text', () => {
  it.each<[what: string, text: string, shown: string]>([
    ['plain text', 'SELECT 1', 'SELECT 1'],
    ['letters of any script', 'naïve Größe 日本 עברית ✓', 'naïve Größe 日本 עברית ✓'],
    ['lines and tabs', 'a\n\tb', 'a\n\tb'],
    ['a terminal sequence', '\u001B[2J', '⟨U+001B⟩[2J'],
    ['a sequence of one C1 character', '\u009B31m', '⟨U+009B⟩31m'],
    ['a carriage return', 'safe\rDROP', 'safe⟨U+000D⟩DROP'],
    ['NUL, bell, backspace, DEL', '\0\u0007\b\u007F', '⟨U+0000⟩⟨U+0007⟩⟨U+0008⟩⟨U+007F⟩'],
    ['direction overrides and isolates', '\u202Ea\u2066b\u200F', '⟨U+202E⟩a⟨U+2066⟩b⟨U+200F⟩'],
    ['zero-width characters', 'a\u200Bb\u2060c\uFEFF', 'a⟨U+200B⟩b⟨U+2060⟩c⟨U+FEFF⟩'],
    ['tag characters that spell hidden text', '\u{E0041}', '⟨U+E0041⟩'],
    ['variation selectors', 'a\uFE0F', 'a⟨U+FE0F⟩'],
    ['blanks that are not a space', 'a\u00A0b\u3000\u2800\u3164', 'a⟨U+00A0⟩b⟨U+3000⟩⟨U+2800⟩⟨U+3164⟩'],
    ['line and paragraph separators', 'a\u2028b\u2029', 'a⟨U+2028⟩b⟨U+2029⟩'],
    ['half a surrogate pair', 'a\uD800b', 'a⟨U+D800⟩b'],
  ])('shows %s', (_what, text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  it('stays on one line where it must', () => {
    expect(visibleLine('a\n\tb')).toBe('a⟨U+000A⟩⟨U+0009⟩b');
  });

  it('is escaped in JSON so that a parser reads what was meant', () => {
    const value = { '\u202E': ['\u001B[0m', '\u{E0041}', 'a\nb', '\uD800', ' '] };
    const json = visibleJson(value);
    expect(json).toMatch(/^[\n\x20-\x7e]*$/);
    expect(JSON.parse(json)).toEqual(value);
  });
});
