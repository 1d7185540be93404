import { describe, expect, it } from 'vitest';
import { lackOfAssurance, type AssuranceSettings, type DecidedBy } from '../../../src/core/assurance.js';

const NOW_MS = Date.UTC(2026, 10, 23, 9);
const ANY_ACR: AssuranceSettings = { maxAgeMs: 300_000, acrValues: [] };
const STRONG: AssuranceSettings = { maxAgeMs: 300_000, acrValues: ['phr', 'phrh'] };

function decided(ageMs: number | null, acr: string | null = null, channel = 'web'): DecidedBy {
  const authTimeMs = ageMs === null ? null : NOW_MS - ageMs;
  return { channel, signIn: { authTimeMs, acr }, decidedAtMs: NOW_MS };
}

describe('where policy demands the full view and a fresh sign-in', () => {
  it.each<[string, DecidedBy, AssuranceSettings, RegExp | null]>([
    ['a sign-in of now', decided(0), ANY_ACR, null],
    ['of exactly the greatest age', decided(300_000), ANY_ACR, null],
    ['of a millisecond before', decided(300_001), ANY_ACR, /sign-in of the last 5 min: sign in again/],
    ['of a clock a minute ahead', decided(-60_000), ANY_ACR, null],
    ['of a clock further ahead', decided(-60_001), ANY_ACR, /yet to come/],
    ['of nobody knows when', decided(null), ANY_ACR, /did not say when/],
    ['with one of the acr that count', decided(0, 'phrh'), STRONG, null],
    ['with another acr', decided(0, 'pwd'), STRONG, /acr phr or phrh/],
    ['without an acr', decided(0), STRONG, /acr phr or phrh/],
    ['in chat', decided(0, 'phr', 'slack'), STRONG, /in the full view only/],
    ['by a channel that knows of none', { ...decided(0), signIn: null }, ANY_ACR, /in the full view only/],
  ])('%s', (_name, by, settings, lack) => {
    const found = lackOfAssurance('web', by, settings);
    if (lack === null) expect(found).toBeNull();
    else expect(found).toMatch(lack);
  });

  it('and nothing anywhere else', () => {
    expect(lackOfAssurance('any', { channel: 'slack', signIn: null, decidedAtMs: NOW_MS }, STRONG)).toBeNull();
  });
});
