import { digestOf } from '../../../src/core/json.js';
import type { Attack } from './attacks.js';
import { editedBundle } from '../policy/bundle-folders.js';
import { freeze, freezeByPerson, liftByPerson, loadPolicy, OPENED_AT_MS, unfreeze, type Facts } from './evidence.js';

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
  [
    'a freeze of the executor’s lifted by one whom the gateway alone says is in the group',
    (facts, digest) => {
      unfreeze(facts, digest, { by: { person: 'ben', group: 'security' } });
    },
  ],
  [
    'a freeze of the executor’s lifted by statements about no action',
    (facts, digest) => {
      liftByPerson(facts, digest, 'erin');
      liftByPerson(facts, digest, 'fay');
    },
  ],
];

const AGENT = { kind: 'agent', agent: 'export-bot' } as const;

/** Olivia owns the agent. */
const OWNER_IN_GROUP = await loadPolicy(
  await editedBundle([
    { file: 'directory.yaml', from: 'security: [erin, fay]', to: 'security: [erin, fay, olivia-admin]' },
  ]),
);

/** What is stated after a person froze the agent. */
const STATED_OF_A_PERSONS: [string, (facts: Facts, digest: string) => void][] = [
  [
    'what a person froze, lifted by one',
    (facts, digest) => {
      liftByPerson(facts, digest, 'erin');
    },
  ],
  [
    'what a person froze, lifted by one of them twice',
    (facts, digest) => {
      liftByPerson(facts, digest, 'erin');
      liftByPerson(facts, digest, 'erin');
    },
  ],
  [
    'what a person froze, lifted by two whom the gateway alone says are in the group',
    (facts, digest) => {
      liftByPerson(facts, digest, 'ben');
      liftByPerson(facts, digest, 'carol');
    },
  ],
  [
    'what a person froze, lifted by a member and by who owns the agent, who is one as well',
    (facts, digest) => {
      facts.policy = OWNER_IN_GROUP;
      liftByPerson(facts, digest, 'erin');
      liftByPerson(facts, digest, 'olivia');
    },
  ],
  [
    'what a person froze, lifted by one human under two names',
    (facts, digest) => {
      liftByPerson(facts, digest, 'olivia');
      liftByPerson(facts, digest, 'olivia-admin');
    },
  ],
  [
    'what a person froze, lifted by two of whom one names another freeze',
    (facts, digest) => {
      liftByPerson(facts, digest, 'erin');
      liftByPerson(facts, digestOf('another freeze'), 'fay');
    },
  ],
  [
    'what a person froze, lifted by statements under an action',
    (facts, digest) => {
      unfreeze(facts, digest, { by: { person: 'erin', group: 'security' } });
      unfreeze(facts, digest, { by: { person: 'fay', group: 'security' } });
    },
  ],
  [
    'what a person froze again after two had lifted it',
    (facts, digest) => {
      liftByPerson(facts, digest, 'erin');
      liftByPerson(facts, digest, 'fay');
      freezeByPerson(facts, AGENT, { frozenAtMs: OPENED_AT_MS + 9 });
    },
  ],
];

const SCOPES = [AGENT, { kind: 'operation', operation: 'database.export' }, { kind: 'all' }] as const;

const CHECK = 'neither its agent nor its operation is frozen, nor everything';

/** Attacks that have something act that is frozen. */
export const FREEZE_ATTACKS: readonly Attack[] = [
  ...STATED.map(([what, state]): Attack => ({
    check: CHECK,
    what,
    forge(facts) {
      state(facts, freeze(facts));
    },
    answer: 'Refusal',
    code: 'agent_frozen',
  })),
  ...STATED_OF_A_PERSONS.map(([what, state]): Attack => ({
    check: CHECK,
    what,
    forge(facts) {
      state(facts, freezeByPerson(facts, AGENT));
    },
    answer: 'Refusal',
    code: 'frozen',
  })),
  ...SCOPES.map((scope): Attack => ({
    check: CHECK,
    what: `an approved action when a person had frozen ${scope.kind}`,
    forge(facts) {
      freezeByPerson(facts, scope);
    },
    answer: 'Refusal',
    code: 'frozen',
  })),
];
