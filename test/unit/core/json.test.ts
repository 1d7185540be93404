import { describe, expect, test } from 'vitest';
import { canonicalJson, digestOf, sha256Hex } from '../../../src/core/json.js';
import { previewDigestOf } from '../../../src/core/snapshot.js';

describe('canonical JSON is that of RFC 8785', () => {
  test.each<[string, string, string]>([
    [
      'section 3.2.2, whole',
      String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    ],
    [
      'section 3.2.3, keys by UTF-16 unit',
      String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    ],
    ['an empty object and list', '{ "b": [ ], "a": { } }', '{"a":{},"b":[]}'],
    ['keys like those of objects', '{"toString":1,"__proto__":2}', '{"__proto__":2,"toString":1}'],
    ['a text that only looks like half a surrogate pair', '"\\\\ud800"', '"\\\\ud800"'],
  ])('%s', (_, text, canonical) => {
    expect(canonicalJson(JSON.parse(text))).toBe(canonical);
  });

  // Appendix B: IEEE 754 bits and the text that stands for them.
  test.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ])('number %s', (bits, text) => {
    expect(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE())).toBe(text);
  });

  test.each<[string, unknown]>([
    ['NaN', NaN],
    ['infinity', [Infinity]],
    ['a big integer', { a: 1n }],
    ['undefined', undefined],
    ['a function', () => 1],
    ['half a surrogate pair', 'a\ud800b'],
    ['half a surrogate pair behind a backslash', '\\\udfff'],
    ['half a surrogate pair in a key', { '\udc00': 1 }],
  ])('and refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  });
});

describe('a digest', () => {
  test('is SHA-256 in lower-case hex', () => {
    expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256Hex(new TextEncoder().encode('abc'))).toBe(sha256Hex('abc'));
    expect(digestOf({ b: 1, a: ['€'] })).toBe(sha256Hex('{"a":["€"],"b":1}'));
  });

  test('names what a value says, not how it was written', () => {
    expect(digestOf({ a: 1, b: { c: 2, d: 3 } })).toBe(digestOf({ b: { d: 3, c: 2 }, a: 1 }));
    expect(digestOf({ a: [1, 2] })).not.toBe(digestOf({ a: [2, 1] }));
    expect(digestOf({ a: '1' })).not.toBe(digestOf({ a: 1 }));
  });
});

describe('a preview’s digest', () => {
  const shown = {
    round: 1,
    requestDigest: 'a'.repeat(64),
    target: { kind: 'postgres', name: 'orders', environment: 'production' },
    preview: {
      summary: 'Export of 1 table',
      facts: [{ label: 'Tables', value: 'orders' }],
      content: { language: 'sql' as const, text: 'SELECT 1' },
      fingerprint: 'b'.repeat(64),
      estimate: { rows: 1 },
    },
    flags: [{ code: 'no_where', severity: 'low' as const, sentence: 'No WHERE.' }],
    gatheredAtMs: 1,
  };

  test.each<[string, Partial<typeof shown>]>([
    ['target', { target: { ...shown.target, environment: 'staging' } }],
    ['summary', { preview: { ...shown.preview, summary: 'Export of 2 tables' } }],
    ['facts', { preview: { ...shown.preview, facts: [] } }],
    ['content', { preview: { ...shown.preview, content: { language: 'sql', text: 'SELECT 2' } } }],
    ['fingerprint', { preview: { ...shown.preview, fingerprint: 'c'.repeat(64) } }],
    ['estimate', { preview: { ...shown.preview, estimate: { rows: 2 } } }],
    ['flags', { flags: [] }],
  ])('changes with the %s', (_, change) => {
    expect(previewDigestOf({ ...shown, ...change })).not.toBe(previewDigestOf(shown));
  });

  test('does not change with when and in which round it was made', () => {
    const later: typeof shown = { ...shown, round: 2, gatheredAtMs: 2 };
    expect(previewDigestOf(later)).toBe(previewDigestOf(shown));
  });
});
