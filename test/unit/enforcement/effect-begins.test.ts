import { MockActivityEnvironment } from '@temporalio/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { runEffect } from '../../../activities/effect.js';
import type { ExecuteDependencies } from '../../../activities/run-under-lease.js';
import { ServiceFault } from '../../../src/core/errors.js';
import type { Outcome } from '../../../src/core/schemas/action.js';
import { judge, type Judgement } from '../../../src/enforcement/judge.js';
import type { ExecuteContext } from '../../../src/operations/operation.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { AnyDraft } from '../../../src/record/record.js';
import { NO_EFFECTS, type RecentEffects } from '../../../src/record/effects.js';
import type { OpenedLease } from '../../../src/vault/leases.js';
import { begunExport } from './budget-attacks.js';
import { evidenceOf, honestFacts, loadPolicy } from './evidence.js';

const neverAsked = (): Promise<RecentEffects> => Promise.reject(new Error('No plan has a budget.'));

/** Runs an effect whose credential is on its way to the record, and lists what happened, in order. */
interface Surroundings {
  effectsWithin?: () => Promise<RecentEffects>;
  underLock?: <T>(lock: string, work: () => Promise<T>) => Promise<T>;
  clock?: () => number;
}

function run(
  judged: Judgement,
  policy: Policy,
  onRecord: Promise<void>,
  { effectsWithin = neverAsked, underLock = (_, work) => work(), clock }: Surroundings = {},
) {
  const happened: string[] = [];
  const execute = async ({ approved, beginEffect }: ExecuteContext<unknown>) => {
    happened.push('looked');
    await beginEffect({ preview: approved, flags: judged.preview.flags });
    happened.push('ran');
    return {};
  };
  const dependencies = {
    policy: () => policy,
    claims: { underLock },
    record: {
      freezesOf: async () => [],
      alarms: async () => [],
      effectsWithin,
      append: async ([draft]: readonly AnyDraft[]) => {
        expect(draft).toMatchObject({ kind: 'effect', isFirst: true });
        happened.push('begun');
        return [];
      },
    },
    clock: clock ?? (() => judged.plan.openedAtMs + 1),
  } as unknown as ExecuteDependencies;
  const credential = { accessor: 'a', leaseIds: [], username: 'u', material: {}, expiresAtMs: 0, onRecord };
  const { signal: frozen } = new AbortController();
  const watch = { frozen, whyFrozen: async () => null, stop: () => undefined };
  const held = { attempt: 1, credential: credential satisfies OpenedLease, watch };
  const operation = { ...judged.operation, execute } as Judgement['operation'];
  const outcome = new MockActivityEnvironment().run(runEffect, dependencies, { ...judged, operation }, held);
  return { happened, outcome };
}

describe('an effect', () => {
  let policy: Policy;
  let judged: Judgement;
  beforeAll(async () => {
    policy = await loadPolicy('policies/example');
    judged = await judge(evidenceOf(honestFacts(policy)));
  });

  it('begins only when its credential is on record; looking is allowed before', async () => {
    let record: () => void = () => undefined;
    const onRecord = new Promise<void>((resolve) => {
      record = resolve;
    });
    const { happened, outcome } = run(judged, policy, onRecord);
    await expect.poll(() => happened).toEqual(['looked']);
    record();
    await expect(outcome).resolves.toMatchObject({ status: 'succeeded' });
    expect(happened).toEqual(['looked', 'begun', 'ran']);
  });

  it('does not begin when the record has lost the credential: nothing ran, and it is asked again', async () => {
    const lost = new ServiceFault('record', 'The record is away.', true);
    const onRecord = Promise.reject<void>(lost);
    onRecord.catch(() => undefined);
    const { happened, outcome } = run(judged, policy, onRecord);
    await expect(outcome).rejects.toBe(lost);
    expect(happened).toEqual(['looked']);
  });

  const none = async (): Promise<RecentEffects> => NO_EFFECTS;

  const withinBudget = (): Judgement['plan'] => {
    const budget = { unit: 'actions', atMost: 1, windowMs: 60_000, per: 'agent' as const };
    return { ...judged.plan, plan: { ...judged.plan.plan, budgets: [budget] } };
  };

  it('does not begin when it expired while it waited for its turn under a budget', async () => {
    const plan = withinBudget();
    let nowMs = plan.openedAtMs + 1;
    const late = run({ ...judged, plan }, policy, Promise.resolve(), {
      effectsWithin: none,
      underLock: (_, work) => {
        nowMs = plan.snapshot.expiresAtMs;
        return work();
      },
      clock: () => nowMs,
    });
    await expect(late.outcome).rejects.toMatchObject({ code: 'request_expired' });
    expect(late.happened).toEqual(['looked']);
  });

  it('runs nothing, and says so, when the lock of its budget was lost as it began', async () => {
    const { happened, outcome } = run({ ...judged, plan: withinBudget() }, policy, Promise.resolve(), {
      effectsWithin: none,
      underLock: async (_, work) => {
        await work();
        throw new ServiceFault('record', 'The record cannot be reached.', true);
      },
    });
    const { status, message } = (await outcome) as Outcome;
    expect(status).toBe('failed');
    expect(message).toContain('nothing ran');
    expect(happened).toEqual(['looked', 'begun']);
  });

  it('is counted against the budgets of its plan at the moment it begins', async () => {
    const within = withinBudget();
    const begun = [{ ...begunExport(), beganAtMs: judged.plan.openedAtMs }];
    const spent = async (): Promise<RecentEffects> => ({ atMs: judged.plan.openedAtMs, begun });
    const refused = run({ ...judged, plan: within }, policy, Promise.resolve(), { effectsWithin: spent });
    await expect(refused.outcome).rejects.toMatchObject({ code: 'budget_exceeded' });
    expect(refused.happened).toEqual(['looked']);
    const free = run({ ...judged, plan: within }, policy, Promise.resolve(), { effectsWithin: none });
    await expect(free.outcome).resolves.toMatchObject({ status: 'succeeded' });
  });
});
