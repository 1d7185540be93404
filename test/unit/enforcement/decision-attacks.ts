import { digestOf } from '../../../src/core/json.js';
import { editedBundle } from '../policy/bundle-folders.js';
import type { Attack } from './attacks.js';
import {
  approve,
  escalate,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  planRound,
  promptedBy,
  renameAll,
  type Facts,
} from './evidence.js';

const HOUR_MS = 60 * MINUTE_MS;

/** Demands more than policy does, as a plan may: two different DBAs. */
function demandTwo(facts: Facts): void {
  const { plan } = lastRound(facts);
  plan.plan = { ...plan.plan, stages: [{ group: 'dba', quorum: 2 }] };
  renameAll(facts);
}

/** Puts only these approvals on record. */
function withOnly(
  facts: Facts,
  ...planted: Parameters<typeof approve> extends [Facts, ...infer P] ? P[] : never
): void {
  lastRound(facts).decisions = [];
  for (const [person, change] of planted) approve(facts, person, change);
}

/** Lets ben, a DBA, prompt the agent, beside olivia and paul. */
async function alsoPrompting(facts: Facts): Promise<void> {
  const edit = { file: 'directory.yaml', from: 'prompters: [olivia, paul]', to: 'prompters: [olivia, paul, ben]' };
  facts.policy = await loadPolicy(await editedBundle([edit]));
}

/** A plan that bars nobody, as whoever holds the worker's key could sign, and one approval of it. */
function planAgain(facts: Facts, approver = 'ben'): void {
  lastRound(facts).plan.barred = [];
  renameAll(facts);
  withOnly(facts, [approver]);
}

/** Opens the review again; the digest of the new round is that of the first, as nothing that it names has changed. */
function reopen(facts: Facts): void {
  facts.rounds.push(planRound(facts.policy, facts.request, 2));
  facts.round = 2;
}

/** Attacks on who may decide. */
const DUTIES: Attack[] = [
  {
    check: 'nobody denied it',
    what: 'a denial beside a filled quorum',
    forge: (facts) => {
      approve(facts, 'carol', { decision: 'deny' });
    },
    answer: 'Refusal',
    code: 'denied_by_person',
  },
  {
    check: 'nobody denied it',
    what: 'a denial of the run before a reset',
    forge: (facts) => {
      approve(facts, 'carol', { decision: 'deny', runId: 'run-before-the-reset' });
    },
    answer: 'Refusal',
    code: 'denied_by_person',
  },
  ...(
    [
      ['the agent’s owner by her second account', 'olivia-admin'],
      ['the agent’s owner by her canonical name', 'olivia'],
    ] as const
  ).map(([what, person]): Attack => ({
    check: 'policy and separation of duties let each approver approve',
    what: `${what}, who is a DBA`,
    forge: (facts) => {
      withOnly(facts, [person]);
    },
    answer: 'Refusal',
    code: 'self_approval',
  })),
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'a prompter beside a filled quorum',
    forge: (facts) => {
      approve(facts, 'paul');
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'who could prompt the agent when it asked, but no longer can',
    forge: (facts) => {
      facts.rounds[0].plan.barred.push({ person: 'ben', because: 'may prompt agent export-bot' });
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'who has come to prompt the agent since approving',
    async forge(facts) {
      const edit = { file: 'directory.yaml', from: 'prompters: [olivia, paul]', to: 'prompters: [olivia, paul, ben]' };
      facts.policy = await loadPolicy(await editedBundle([edit]));
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'an approver whom policy has come to forbid',
    async forge(facts) {
      const to =
        '@id("not-ben")\nforbid (principal == Person::"ben", action == Action::"approve:database.export", resource);\n';
      facts.policy = await loadPolicy(await editedBundle([{ file: 'stop.cedar', from: null, to }]));
    },
    answer: 'ReviewAgain',
    code: 'not_an_approver',
  },
];

/** Ways to have fewer people barred than the record proves. */
const PROMPTERS: Attack[] = [
  ...(
    [
      ['signed by the worker', { keyid: 'worker/1' }],
      ['signed by the agent', { keyid: 'agent/export-bot' }],
      ['signed by the gateway’s other key', { keyid: 'decision/1' }],
      ['of another request', { requestDigest: digestOf('another request') }],
    ] as const
  ).map(([what, change]): Attack => ({
    check: 'who prompted it is said by the gateway, of this request',
    what: `a prompter, to have another one approve, ${what}`,
    async forge(facts) {
      await alsoPrompting(facts);
      promptedBy(facts, ['paul'], change);
      planAgain(facts);
    },
    answer: 'Refusal',
    code: 'statement_invalid',
  })),
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'the verified prompter by a second account',
    async forge(facts) {
      const alias =
        '  - { id: paul-admin, name: Paul Park, email: p@example.com, oidcSubject: paul-admin, aliases: [paul] }\n';
      facts.policy = await loadPolicy(
        await editedBundle([
          { file: 'directory.yaml', from: '\n# Groups hold', to: `\n${alias}\n# Groups hold` },
          { file: 'directory.yaml', from: '[ben, carol,', to: '[ben, carol, paul-admin,' },
        ]),
      );
      promptedBy(facts, ['paul']);
      planAgain(facts, 'paul-admin');
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'the verified scheduler',
    async forge(facts) {
      await alsoPrompting(facts);
      const body = { prompters: ['paul'], schedulers: ['ben'], verifiedAtMs: OPENED_AT_MS };
      promptedBy(facts, [], { body });
      planAgain(facts);
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'somebody who may prompt, when only a scheduler is proven',
    async forge(facts) {
      await alsoPrompting(facts);
      const body = { prompters: [], schedulers: ['paul'], verifiedAtMs: OPENED_AT_MS };
      promptedBy(facts, [], { body });
      planAgain(facts);
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'somebody who may prompt, when the proven prompter is none whom the directory lists',
    async forge(facts) {
      await alsoPrompting(facts);
      promptedBy(facts, ['erin']);
      planAgain(facts);
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'somebody who may prompt, when the prompter was stated after the plan',
    async forge(facts) {
      await alsoPrompting(facts);
      promptedBy(facts, ['paul'], { early: false });
      planAgain(facts);
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
  {
    check: 'policy and separation of duties let each approver approve',
    what: 'the owner, when somebody else is the proven prompter',
    forge(facts) {
      promptedBy(facts, ['paul']);
      planAgain(facts, 'olivia-admin');
    },
    answer: 'Refusal',
    code: 'self_approval',
  },
];

const QUORUM: Omit<Attack, 'check' | 'answer' | 'code'>[] = [
  {
    what: 'no approval at all',
    forge: (facts) => {
      withOnly(facts);
    },
  },
  {
    what: 'a person outside the group who claims to be in it',
    forge: (facts) => {
      withOnly(facts, ['dave', { approver: { person: 'dave', groups: ['dba'] } }]);
    },
  },
  {
    what: 'an approval of the run before a reset',
    forge: (facts) => {
      withOnly(facts, ['ben', { runId: 'run-before-the-reset' }]);
    },
  },
  {
    what: 'an approval of another round with the same digest',
    forge(facts) {
      reopen(facts);
      withOnly(facts, ['ben', { round: 1 }]);
    },
  },
  {
    what: 'an approval of another digest',
    forge: (facts) => {
      withOnly(facts, ['ben', { actionDigest: digestOf('what another action is') }]);
    },
  },
  {
    what: 'an approval from before the review opened',
    forge: (facts) => {
      withOnly(facts, ['ben', { decidedAtMs: OPENED_AT_MS - 1 }]);
    },
  },
  {
    what: 'an approval from the millisecond of the expiry',
    forge: (facts) => {
      withOnly(facts, ['ben', { decidedAtMs: OPENED_AT_MS + 2 * HOUR_MS }]);
    },
  },
  {
    what: 'one person twice where two are demanded',
    forge(facts) {
      demandTwo(facts);
      withOnly(facts, ['ben'], ['ben']);
    },
  },
  {
    what: 'one human under two names where two are demanded',
    async forge(facts) {
      const second =
        '  - { id: carol-admin, name: Carol Chen, email: c@example.com, oidcSubject: carol-admin, aliases: [carol] }\n';
      facts.policy = await loadPolicy(
        await editedBundle([
          { file: 'directory.yaml', from: '\n# Groups hold', to: `\n${second}\n# Groups hold` },
          { file: 'directory.yaml', from: '[ben, carol,', to: '[ben, carol, carol-admin,' },
        ]),
      );
      demandTwo(facts);
      withOnly(facts, ['carol'], ['carol-admin']);
    },
  },
  {
    what: 'an escalation member when nothing was escalated',
    forge: (facts) => {
      withOnly(facts, ['dave']);
    },
  },
  {
    what: 'an escalation member before the timer',
    forge(facts) {
      withOnly(facts, ['dave']);
      escalate(facts, { firedAtMs: OPENED_AT_MS + 10 * MINUTE_MS - 1 });
    },
  },
  {
    what: 'an escalation to a group that the plan does not name',
    forge(facts) {
      const { plan } = lastRound(facts);
      plan.plan = { ...plan.plan, escalations: [{ afterMs: 10 * MINUTE_MS, group: 'dba-lead' }] };
      renameAll(facts);
      withOnly(facts, ['erin']);
      escalate(facts, { group: 'security-oncall' });
    },
  },
  {
    what: 'an escalation sooner than the plan foresees',
    forge(facts) {
      withOnly(facts, ['dave']);
      escalate(facts, { afterMs: 1 });
    },
  },
  {
    what: 'an escalation of another round',
    forge(facts) {
      reopen(facts);
      withOnly(facts, ['dave']);
      escalate(facts, { round: 1 });
    },
  },
];

/** Ways to have something run without the right people's decisions. */
export const DECISION_ATTACKS: readonly Attack[] = [
  ...DUTIES,
  ...PROMPTERS,
  ...QUORUM.map((attack): Attack => ({
    ...attack,
    check: 'approvals of this run, round and digest by members of the bundle fill the plan, or break its glass',
    answer: 'ReviewAgain',
    code: 'decisions_missing',
  })),
];
