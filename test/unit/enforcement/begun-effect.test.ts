import { beforeAll, describe, expect, it } from 'vitest';
import { findOutcome } from '../../../activities/find-outcome.js';
import type { ExecuteDependencies } from '../../../activities/run-under-lease.js';
import type { Preview } from '../../../src/core/schemas/action.js';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import { operations } from '../../../src/operations/catalog.gen.js';
import type { OutcomeContext } from '../../../src/operations/operation.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { AnyDraft } from '../../../src/record/record.js';
import {
  ACTION_ID,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  planRound,
  renameAll,
  statementsOf,
  type AnyBody,
  type Facts,
} from './evidence.js';
import { breakGlass } from './glass-attacks.js';

const NOW_MS = OPENED_AT_MS + 5 * MINUTE_MS;

/** Asks for the outcome of an effect that is on record as begun under the first plan. */
async function ask(facts: Facts, more: AnyBody[] = []) {
  const [{ plan }] = facts.rounds;
  const effect: StatementBody<'effect'> = {
    actionDigest: plan.actionDigest,
    step: 'execute',
    attempt: 1,
    startedAtMs: OPENED_AT_MS + 2 * MINUTE_MS,
  };
  const asked = { shown: [] as Preview[], leasedFor: [] as string[], ttls: [] as number[], drafts: [] as AnyDraft[] };
  const operation = operations.get('database.export');
  if (operation === undefined) throw new Error('ask: there is no such operation');
  const found = await findOutcome(
    {
      policy: () => facts.policy,
      operations: new Map([
        [
          'database.export',
          {
            ...operation,
            findOutcome: async ({ approved, lease }: OutcomeContext<unknown>) => {
              asked.shown.push(approved);
              await lease();
              return { kind: 'done', result: { rows: 100 } };
            },
          },
        ],
      ]),
      record: {
        ofAction: async () => statementsOf(facts, [{ kind: 'effect', body: effect }, ...more]),
        append: async (drafts: AnyDraft[]) => {
          asked.drafts.push(...drafts);
          return [];
        },
      },
      claims: { openLeases: async () => [] },
      leases: {
        open: async ({ actionDigest, ttlSeconds }: { actionDigest: string; ttlSeconds: number }) => {
          asked.leasedFor.push(actionDigest);
          asked.ttls.push(ttlSeconds);
          return { accessor: 'a', leaseIds: [] };
        },
        revoke: async () => undefined,
      },
      clock: () => NOW_MS,
      onInternal: () => undefined,
    } as unknown as ExecuteDependencies,
    ACTION_ID,
    'run-that-asks',
  );
  return { found, ...asked };
}

describe('what came of a begun effect', () => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await loadPolicy('policies/example');
  });

  it('is asked by what was approved then, also when a reset run has planned the same round again', async () => {
    const facts = honestFacts(policy);
    const [{ preview, plan }] = facts.rounds;
    facts.rounds.push(planRound(policy, facts.request, 1));
    lastRound(facts).preview.preview.estimate = { rows: 7 };
    renameAll(facts);
    expect(lastRound(facts).plan.actionDigest).not.toBe(plan.actionDigest);
    const { found, shown, leasedFor, drafts } = await ask(facts);
    expect(shown).toEqual([preview.preview]);
    expect(leasedFor).toEqual([plan.actionDigest]);
    expect(found).toMatchObject({ status: 'succeeded', result: { rows: 100 } });
    expect(drafts).toMatchObject([{ kind: 'result', body: { outcome: found } }]);
  });

  it('is what the receipt says, once there is one: nothing is leased behind it', async () => {
    const facts = honestFacts(policy);
    const outcome = { status: 'unknown', code: 'outcome_unknown', message: 'A person must look.' } as const;
    const receipt: StatementBody<'receipt'> = {
      actionDigest: facts.rounds[0].plan.actionDigest,
      outcome,
      lease: 'revoked',
      approvers: ['ben'],
      statements: [],
      closing: false,
      concludedAtMs: NOW_MS,
    };
    expect(await ask(facts, [{ kind: 'receipt', body: receipt }])).toEqual({
      found: outcome,
      shown: [],
      leasedFor: [],
      ttls: [],
      drafts: [],
    });
  });

  it('is asked under a lease no longer than that of the glass behind which it began', async () => {
    const facts = honestFacts(policy);
    await breakGlass(facts);
    const offered = lastRound(facts).plan.plan.breakGlass;
    if (offered === undefined) throw new Error('the plan offers no glass');
    offered.leaseTtlSeconds = 10;
    renameAll(facts);
    const claim: StatementBody<'claim'> = {
      ...{ actionDigest: lastRound(facts).plan.actionDigest, step: 'execute', attempt: 1, runId: facts.runId },
      ...{ approvers: ['erin', 'fay'], claimedAtMs: OPENED_AT_MS + MINUTE_MS },
    };
    const dueAtMs = OPENED_AT_MS + 86_400_000;
    const broken = { ...claim, breakGlass: { by: ['erin', 'fay'], dueAtMs } };
    expect((await ask(facts, [{ kind: 'claim', body: broken }])).ttls).toEqual([10]);
    expect((await ask(facts, [{ kind: 'claim', body: claim }])).ttls).toEqual([120]);
  });
});
