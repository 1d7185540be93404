import { editedBundle } from '../policy/bundle-folders.js';
import type { Attack } from './attacks.js';
import { approve, lastRound, loadPolicy, MINUTE_MS, OPENED_AT_MS, planRound, type Facts } from './evidence.js';

/** From when to when, in minutes since the review opened. */
type Span = readonly [number, number];

/** Gives somebody's places to another, and puts only this person's approval on record, a minute after opening. */
export async function standIn(facts: Facts, from: string, to: string, approver: string, span: Span): Promise<void> {
  const [begins, ends] = span.map((minutes) => new Date(OPENED_AT_MS + minutes * MINUTE_MS).toISOString());
  const entry = `delegations:\n  - { from: ${from}, to: ${to}, begins: '${begins ?? ''}', ends: '${ends ?? ''}' }\n`;
  facts.policy = await loadPolicy(
    await editedBundle([{ file: 'directory.yaml', from: '\n# Groups hold', to: `\n${entry}\n# Groups hold` }]),
  );
  lastRound(facts).decisions = [];
  approve(facts, approver);
}

interface Entry {
  to: string;
  span: Span;
}

/** What two people of the DBAs must approve; ben gives his place away, and approvals come at a minute each. */
export async function twoDbas(
  facts: Facts,
  given: Entry[],
  approvals: [person: string, minute: number][],
): Promise<void> {
  const at = (minutes: number): number => OPENED_AT_MS + minutes * MINUTE_MS;
  const entries = given.map(({ to, span }) => {
    const [begins, ends] = span.map((minutes) => new Date(at(minutes)).toISOString());
    return `  - { from: ben, to: ${to}, begins: '${begins ?? ''}', ends: '${ends ?? ''}' }\n`;
  });
  const edits = [
    { file: 'directory.yaml', from: '\n# Groups hold', to: `\ndelegations:\n${entries.join('')}\n# Groups hold` },
    {
      file: 'database-export.cedar',
      from: '@id("prod-export")\n@review("dba:1")',
      to: '@id("prod-export")\n@review("dba:2")',
    },
  ];
  facts.policy = await loadPolicy(await editedBundle(edits));
  facts.rounds = [planRound(facts.policy, facts.request, 1)];
  for (const [person, minute] of approvals) approve(facts, person, { decidedAtMs: at(minute) });
}

const FILLED = 'approvals of this run, round and digest by members of the bundle fill the plan, or break its glass';

/** Attacks by those who stand in for others. */
export const DELEGATION_ATTACKS: Attack[] = [
  {
    check: FILLED,
    what: 'a stand-in whose time was over when they approved',
    forge: (facts) => standIn(facts, 'ben', 'erin', 'erin', [-60, 1]),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: FILLED,
    what: 'a stand-in whose time had not come when they approved',
    forge: (facts) => standIn(facts, 'ben', 'erin', 'erin', [1.5, 60]),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: FILLED,
    what: 'whoever is away, beside their stand-in’s place',
    forge: (facts) => standIn(facts, 'ben', 'erin', 'ben', [-60, 60]),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: FILLED,
    what: 'a stand-in whom the agent’s owner named',
    forge: (facts) => standIn(facts, 'olivia', 'erin', 'erin', [-60, 60]),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: FILLED,
    what: 'one place twice: by whoever gave it away after approving, and by the stand-in',
    forge: (facts) =>
      twoDbas(
        facts,
        [{ to: 'erin', span: [1.5, 60] }],
        [
          ['ben', 1],
          ['erin', 1.8],
        ],
      ),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: FILLED,
    what: 'one place twice: by the stand-in, and by whoever came back',
    forge: (facts) =>
      twoDbas(
        facts,
        [{ to: 'erin', span: [-60, 1.5] }],
        [
          ['erin', 1],
          ['ben', 1.8],
        ],
      ),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: FILLED,
    what: 'one place twice: by one stand-in after another',
    forge: (facts) =>
      twoDbas(
        facts,
        [
          { to: 'erin', span: [-60, 1.5] },
          { to: 'fay', span: [1.5, 60] },
        ],
        [
          ['erin', 1],
          ['fay', 1.8],
        ],
      ),
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'a stand-in who may prompt the agent',
    forge: (facts) => standIn(facts, 'ben', 'paul', 'paul', [-60, 60]),
    answer: 'Refusal',
    code: 'self_approval',
  },
];
