import { describe, expect, it } from 'vitest';
import { signingKeyOf, type Keyring } from '../../../src/core/keyring.js';
import { nextKeyring, type NextKeyringInput } from '../../../src/evidence/next-keyring.js';

type Key = Keyring['keys'][number];

const key = (keyid: string, publicKey = `public of ${keyid}`): Key => ({
  keyid,
  purpose: keyid.split('/')[0] as Key['purpose'],
  publicKey,
});
const previous: Keyring = { number: 4, keys: [key('worker/1'), key('decision/1'), key('decision/2')] };
const LATER_MS = 2_000;

function next(change: Partial<NextKeyringInput>) {
  return nextKeyring({ previous, keys: [], drop: [], signsFromMs: LATER_MS, ...change });
}

describe('the next keyring', () => {
  it('has the next number, all that the previous one had, and the new keys, which sign later', () => {
    const { keyring, added } = next({ keys: [key('decision/2'), key('decision/10')] });
    expect(keyring).toEqual({
      number: 5,
      keys: [...previous.keys, { ...key('decision/10'), signsFromMs: LATER_MS }],
    });
    expect(added).toEqual(['decision/10']);
    expect(signingKeyOf(keyring, 'decision', LATER_MS - 1)?.keyid).toBe('decision/2');
    // By number, not as text.
    expect(signingKeyOf(keyring, 'decision', LATER_MS)?.keyid).toBe('decision/10');
  });

  it('lets a purpose that had no key sign at once', () => {
    expect(next({ keys: [key('checkpoint/1')] }).keyring.keys.at(-1)).toEqual(key('checkpoint/1'));
  });

  it('is the first without a previous one', () => {
    expect(next({ previous: null, keys: [key('worker/1')], signsFromMs: null }).keyring).toEqual({
      number: 1,
      keys: [key('worker/1')],
    });
  });

  it('leaves out what is dropped', () => {
    expect(next({ drop: ['decision/1'] })).toMatchObject({ keyring: { number: 5 }, dropped: ['decision/1'] });
  });

  it.each<[string, string, Partial<NextKeyringInput>]>([
    ['nothing changes', 'Nothing would change', { keys: [key('worker/1')] }],
    ['a key is another one under its id', 'another one than in the keyring', { keys: [key('worker/1', 'another')] }],
    ['a key to drop is not there', 'no key worker/9', { drop: ['worker/9'] }],
    ['the last key of a purpose is dropped', 'purpose worker', { drop: ['worker/1'] }],
    [
      'the key that signs is dropped before the next one does',
      'Drop it once the next one signs',
      { keys: [key('worker/2')], drop: ['worker/1'] },
    ],
  ])('is not made when %s', (_what, says, change) => {
    expect(() => next(change)).toThrow(says);
  });
});
