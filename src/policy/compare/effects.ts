import type { Effect } from './comparison.js';

/** What several changes do together. */
export function together(effects: Iterable<Effect>): Effect {
  const all = new Set(effects);
  const loosens = all.has('loosening') || all.has('both');
  const tightens = all.has('tightening') || all.has('both');
  if (loosens) return tightens ? 'both' : 'loosening';
  return tightens ? 'tightening' : 'neutral';
}

/** Whether a change lets through what it did not before. */
export function isLoosening(effect: Effect): boolean {
  return effect === 'loosening' || effect === 'both';
}
