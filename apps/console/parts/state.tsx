import type { ActionSummary } from '../api/types.js';

type Standing = Pick<ActionSummary, 'state' | 'outcome'>;

/** Where an action stands, in one word: the outcome's, once there is one. */
export function stateWord({ state, outcome }: Standing): string {
  return (outcome?.status ?? state).replaceAll('_', ' ');
}

export function StateMark({ action }: { action: Standing }) {
  return <span className={`state state-${toneOf(action)}`}>{stateWord(action)}</span>;
}

export function toneOf({ state, outcome }: Standing): 'good' | 'bad' | 'open' | 'plain' {
  if (outcome === null) return state === 'preparing' || state === 'done' ? 'plain' : 'open';
  switch (outcome.status) {
    case 'succeeded':
      return 'good';
    case 'denied':
    case 'expired':
    case 'withdrawn':
    case 'cancelled':
      return 'plain';
    case 'effect_mismatch':
    case 'failed':
    case 'refused':
    case 'unknown':
    case 'interrupted':
      return 'bad';
  }
}
