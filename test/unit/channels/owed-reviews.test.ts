import { expect, test } from 'vitest';
import { createRetrospectives } from '../../../src/channels/retrospectives.js';
import { debtOf } from '../../../src/record/debts.js';
import type { AnyRecorded } from '../../../src/record/record.js';
import {
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  statementsOf,
  type AnyBody,
} from '../enforcement/evidence.js';
import { breakGlass } from '../enforcement/glass-attacks.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

const facts = honestFacts(await loadPolicy(EXAMPLE));
await breakGlass(facts);
const { actionId } = facts;

const claimBy = (by: string[], attempt: number): AnyBody => ({
  kind: 'claim',
  body: {
    ...{ actionDigest: lastRound(facts).plan.actionDigest, step: 'execute', attempt, runId: facts.runId },
    ...{ approvers: by, breakGlass: { by, dueAtMs: OPENED_AT_MS + 86_400_000 } },
    claimedAtMs: OPENED_AT_MS + (1 + attempt) * MINUTE_MS,
  },
});

function looking(recorded: AnyRecorded[]) {
  const retrospectives = createRetrospectives({
    policy: () => facts.policy,
    record: {
      ofAction: async () => recorded,
      ofActions: async (ids: readonly string[]) => ids.map(() => recorded),
      debts: async () => ({ debts: [debtOf(recorded)].filter((debt) => debt !== null), unreadable: [], gap: null }),
      alarms: async () => [],
      append: () => Promise.reject(new Error('nothing is put on record')),
    },
    refusals: { put: async () => undefined },
    assurance: facts.assurance,
    wake: async () => undefined,
    clock: () => OPENED_AT_MS + 60 * MINUTE_MS,
    onInternal: () => undefined,
  });
  const review = (id: string) => {
    const person = facts.policy.directory.person(id);
    if (person === undefined) throw new Error(`there is no ${id}`);
    const verdict = 'justified' as const;
    return retrospectives.review({
      actionId,
      verdict,
      reason: 'I looked.',
      person,
      via: { channel: 'api', subject: id },
    });
  };
  return { list: () => retrospectives.list(), review };
}

test('whoever broke the glass in any round of an action reviews none of it', async () => {
  const { list, review } = looking(statementsOf(facts, [claimBy(['ben', 'fay'], 1), claimBy(['erin', 'fay'], 2)]));
  expect((await list()).debts).toMatchObject([{ by: ['ben', 'erin', 'fay'], mayReview: ['carol'] }]);
  await expect(review('ben')).rejects.toMatchObject({ code: 'self_approval' });
  const later = looking(statementsOf(facts, [claimBy(['erin', 'fay'], 1), claimBy(['ben', 'fay'], 2)]));
  expect((await later.list()).debts).toMatchObject([{ mayReview: ['carol'] }]);
  await expect(later.review('ben')).rejects.toMatchObject({ code: 'self_approval' });
});

test('nobody is let to review it by a plan that is stated after the claim', async () => {
  const { plan } = lastRound(facts);
  const forged = { ...plan, plan: { ...plan.plan, stages: [{ group: 'platform', quorum: 1 }] } };
  const { list } = looking(statementsOf(facts, [claimBy(['erin', 'fay'], 1), { kind: 'plan', body: forged }]));
  expect((await list()).debts).toMatchObject([{ open: ['dba'], mayReview: ['ben', 'carol'] }]);
});

test('what is owed by a plan that is gone is on the list, for it blocks everybody', async () => {
  const whole = statementsOf(facts, [claimBy(['erin', 'fay'], 1)]);
  const { list, review } = looking(whole.filter(({ kind }) => kind !== 'plan'));
  expect(await list()).toEqual({ debts: [], unreadable: [actionId] });
  await expect(review('ben')).rejects.toMatchObject({ code: 'statement_invalid' });
});
