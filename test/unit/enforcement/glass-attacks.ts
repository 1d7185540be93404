import type { StatementBody } from '../../../src/core/schemas/statements.js';
import type { Debt } from '../../../src/record/debts.js';
import { editedBundle, type Edit } from '../policy/bundle-folders.js';
import type { Attack } from './attacks.js';
import {
  approve,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  OTHER_ACTION_ID,
  planRound,
  type Facts,
} from './evidence.js';

/** How erin and fay of security say it. */
const BREAKS: Partial<StatementBody<'decision'>> = {
  breakGlass: true,
  reason: 'The shop is down, and no DBA picks up.',
};

const OFFER: Edit = {
  file: 'database-export.cedar',
  from: '@remind("5m")\n',
  to: '@remind("5m")\n@breakglass("security:2, 2m, 24h")\n',
};

/** A plan of one DBA, or two of security behind a broken glass; nobody has decided. */
async function offerGlass(facts: Facts, ...edits: Edit[]): Promise<void> {
  facts.policy = await loadPolicy(await editedBundle([OFFER, ...edits]));
  facts.rounds = [planRound(facts.policy, facts.request, 1)];
}

/** The glass is broken by erin and fay, as it should be. */
export async function breakGlass(facts: Facts, change: Partial<StatementBody<'decision'>> = {}): Promise<void> {
  await offerGlass(facts);
  approve(facts, 'erin', BREAKS);
  approve(facts, 'fay', { ...BREAKS, ...change });
}

/** As that, where these are the DBAs, of whom two must approve; olivia and paul, who own and prompt the agent, may unfreeze. */
async function breakUnreviewable(facts: Facts, dbas: string[], breakers: string[], ...edits: Edit[]): Promise<void> {
  await offerGlass(
    facts,
    directory('dba: [ben, carol, olivia-admin]', `dba: [${dbas.join(', ')}]`),
    directory('data-owner: [carol]', 'data-owner: [carol, ben]'),
    directory('incident-lead: [dave, erin, fay]', 'incident-lead: [olivia, paul]'),
    { file: 'database-export.cedar', from: '@review("dba:1")\n@escalate("10m', to: '@review("dba:2")\n@escalate("10m' },
    ...edits,
  );
  for (const person of breakers) approve(facts, person, BREAKS);
}

function directory(from: string, to: string): Edit {
  return { file: 'directory.yaml', from, to };
}

/** ben is of security; until half a minute after they broke the glass gus had his voice there. */
function awayOnce(): Edit[] {
  const [begins, ends] = [-60, 1.5].map((minutes) => new Date(OPENED_AT_MS + minutes * MINUTE_MS).toISOString());
  const away = `delegations:\n  - { from: ben, to: gus, groups: [security], begins: '${begins}', ends: '${ends}' }\n`;
  return [
    directory('\n# Groups hold', `\n${away}\n# Groups hold`),
    directory('security: [erin, fay]', 'security: [erin, fay, ben]'),
  ];
}

const DEBT: Debt = {
  actionId: OTHER_ACTION_ID,
  claim: 'c'.repeat(64),
  by: ['erin', 'fay'],
  claimedAtMs: OPENED_AT_MS - 60 * MINUTE_MS,
  dueAtMs: OPENED_AT_MS + 60 * MINUTE_MS,
  retrospectives: [],
  open: ['dba'],
};

const FILLED = 'approvals of this run, round and digest by members of the bundle fill the plan, or break its glass';
const PAID = 'no review of an earlier broken glass is owed';
const REVIEWABLE = 'somebody is left who may review the broken glass';
const SAID = 'whoever breaks the glass does so where the warning is read, and says what burns';

const unfilled = (what: string, forge: Attack['forge']): Attack => ({
  check: FILLED,
  what: `a broken glass: ${what}`,
  forge,
  answer: 'ReviewAgain',
  code: 'decisions_missing',
});

const unreviewable = (what: string, forge: Attack['forge']): Attack => ({
  check: REVIEWABLE,
  what: `a broken glass ${what}`,
  forge,
  answer: 'ReviewAgain',
  code: 'glass_unreviewable',
});

/** Ways to have something run behind a glass that was not broken as it may be. */
export const GLASS_ATTACKS: readonly Attack[] = [
  unfilled('one person twice', async (facts) => {
    await offerGlass(facts);
    approve(facts, 'erin', BREAKS);
    approve(facts, 'erin', BREAKS);
  }),
  unfilled('one human by two accounts', async (facts) => {
    const second =
      '  - { id: erin-admin, name: Erin, email: e2@example.com, oidcSubject: erin-admin, aliases: [erin] }\n';
    await offerGlass(
      facts,
      { file: 'directory.yaml', from: '\n# Groups hold', to: `\n${second}\n# Groups hold` },
      { file: 'directory.yaml', from: 'security: [erin, fay]', to: 'security: [erin, fay, erin-admin]' },
    );
    approve(facts, 'erin', BREAKS);
    approve(facts, 'erin-admin', BREAKS);
  }),
  unfilled('approvals that do not say so', async (facts) => {
    await offerGlass(facts);
    approve(facts, 'erin', BREAKS);
    approve(facts, 'fay');
  }),
  unfilled('somebody outside its groups who claims to be in one', async (facts) => {
    await offerGlass(facts);
    approve(facts, 'erin', BREAKS);
    approve(facts, 'gus', { ...BREAKS, approver: { person: 'gus', groups: ['security'] } });
  }),
  unfilled('a member of a group that is escalated to', async (facts) => {
    await offerGlass(facts, {
      file: 'database-export.cedar',
      from: '@review("dba:1")\n@escalate("10m',
      to: '@review("dba:2")\n@escalate("10m',
    });
    approve(facts, 'erin', BREAKS);
    approve(facts, 'dave', BREAKS);
    lastRound(facts).escalations.push({
      ...{ round: 1, runId: facts.runId, group: 'dba-lead', afterMs: 10 * MINUTE_MS },
      firedAtMs: OPENED_AT_MS + 10 * MINUTE_MS,
    });
  }),
  unfilled('a plan that lets nobody', (facts) => {
    lastRound(facts).decisions = [];
    approve(facts, 'erin', BREAKS);
    approve(facts, 'fay', BREAKS);
  }),
  unfilled('of the run before a reset', (facts) => breakGlass(facts, { runId: 'run-before-the-reset' })),
  ...(
    [
      ['from Slack', { via: { channel: 'slack', subject: 'T1/U1', eventId: 'e' } }, 'glass_not_here'],
      ['from Teams', { via: { channel: 'teams', subject: 't/u', eventId: 'e' } }, 'glass_not_here'],
      ['without a reason', { reason: '' }, 'reason_missing'],
      ['with half a word', { reason: 'prod down' }, 'reason_missing'],
    ] as const
  ).map(([what, change, code]): Attack => ({
    check: SAID,
    what: `a broken glass ${what}`,
    forge: (facts) => breakGlass(facts, change),
    answer: 'ReviewAgain',
    code,
  })),
  {
    check: PAID,
    what: 'a second broken glass before the first was reviewed',
    async forge(facts) {
      await breakGlass(facts);
      facts.debts = { debts: [DEBT], unreadable: [], gap: null };
    },
    answer: 'ReviewAgain',
    code: 'debt_unpaid',
  },
  {
    check: PAID,
    what: 'a broken glass after the record of an earlier one was changed',
    async forge(facts) {
      await breakGlass(facts);
      facts.debts = { debts: [], unreadable: [OTHER_ACTION_ID], gap: null };
    },
    answer: 'ReviewAgain',
    code: 'statement_invalid',
  },
  {
    check: PAID,
    what: 'a broken glass after a statement of the executor was removed',
    async forge(facts) {
      await breakGlass(facts);
      facts.debts = { debts: [], unreadable: [], gap: 'statement 7 of the executor is missing' };
    },
    answer: 'ReviewAgain',
    code: 'statement_invalid',
  },
  unreviewable('whose reviewers are all barred', (facts) =>
    breakUnreviewable(facts, ['olivia-admin', 'paul'], ['erin', 'fay']),
  ),
  unreviewable('that the last who could review it broke, too', (facts) =>
    breakUnreviewable(facts, ['erin', 'paul'], ['erin', 'fay']),
  ),
  unreviewable('in the place of the last who could review it, who is back by now', (facts) =>
    breakUnreviewable(facts, ['ben', 'paul'], ['erin', 'gus'], ...awayOnce()),
  ),
  {
    check: 'nobody denied it',
    what: 'a broken glass over a denial',
    async forge(facts) {
      await breakGlass(facts);
      approve(facts, 'carol', { decision: 'deny' });
    },
    answer: 'Refusal',
    code: 'denied_by_person',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'a broken glass by a prompter besides',
    async forge(facts) {
      await breakGlass(facts);
      approve(facts, 'paul', BREAKS);
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'a broken glass by the owner’s second account',
    async forge(facts) {
      const edit = { file: 'directory.yaml', from: 'security: [erin, fay]', to: 'security: [erin, fay, olivia-admin]' };
      await offerGlass(facts, edit);
      approve(facts, 'erin', BREAKS);
      approve(facts, 'olivia-admin', BREAKS);
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'a broken glass that policy offers no longer',
    async forge(facts) {
      const { policy } = facts;
      await breakGlass(facts);
      facts.policy = policy;
    },
    answer: 'ReviewAgain',
    code: 'plan_stricter',
  },
];
