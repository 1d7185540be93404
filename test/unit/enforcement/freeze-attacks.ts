import { digestOf } from '../../../src/core/json.js';
import type { Attack } from './attacks.js';
import { freeze, OPENED_AT_MS, unfreeze, type Facts } from './evidence.js';

/** What is stated after a freeze of this digest. */
const STATED: [string, (facts: Facts, digest: string) => void][] = [
  ['an approved action whose agent was frozen meanwhile', () => undefined],
  [
    'a freeze lifted by a statement that names another',
    (facts) => {
      unfreeze(facts, digestOf('another freeze'));
    },
  ],
  [
    'a freeze lifted by a statement about another agent',
    (facts, digest) => {
      unfreeze(facts, digest, { agent: 'other-bot' });
    },
  ],
  [
    'a second freeze after the first was lifted',
    (facts, digest) => {
      unfreeze(facts, digest);
      freeze(facts, { frozenAtMs: OPENED_AT_MS + 2 });
    },
  ],
  [
    'one of two freezes lifted',
    (facts) => {
      unfreeze(facts, freeze(facts, { frozenAtMs: OPENED_AT_MS + 2 }));
    },
  ],
];

/** Attacks that have a frozen agent act. */
export const FREEZE_ATTACKS: readonly Attack[] = STATED.map(([what, state]) => ({
  check: 'the agent is not frozen',
  what,
  forge(facts) {
    state(facts, freeze(facts));
  },
  answer: 'Refusal',
  code: 'agent_frozen',
}));
