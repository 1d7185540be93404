import { MockActivityEnvironment } from '@temporalio/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { createExecuteActivities, type ExecuteDependencies } from '../../../activities/run-under-lease.js';
import { workflowIdOf } from '../../../src/contracts/workflow-id.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { OpenLease, Taken } from '../../../src/record/claims.js';
import type { AnyDraft } from '../../../src/record/record.js';
import { ACTION_ID, evidenceOf, honestFacts, loadPolicy } from './evidence.js';

const leftOpen = (accessor: string, step: string): OpenLease => ({
  ...{ accessor, actionId: ACTION_ID, step, purpose: 'execute', target: 'orders', tokenRole: 'r', runId: 'earlier' },
  ...{ leasedAtMs: 1, ttlSeconds: 60, credentials: [] },
});

/** An honest action whose lease is never opened, for Vault is away; lists what the executor did, in order. */
async function attempt(policy: Policy, taken: Taken, claim: () => void = () => undefined) {
  const { statements, runId, nowMs, assurance, operations } = evidenceOf(honestFacts(policy));
  const did: string[] = [];
  const dependencies = {
    policy: () => policy,
    ...{ operations, assurance, clock: () => nowMs, onInternal: () => undefined },
    record: {
      ofAction: async () => statements,
      freezesOf: async () => [],
      alarms: async () => [],
      append: async ([draft]: readonly AnyDraft[]) => {
        did.push(`states ${draft?.kind ?? ''}`);
        if (draft?.kind === 'claim') claim();
        return [];
      },
    },
    claims: {
      taken: async () => taken,
      openLeases: async () => [leftOpen('left', 'execute'), leftOpen('asking', 'outcome')],
    },
    leases: {
      revoke: async ({ accessor }: { accessor: string }) => void did.push(`revokes ${accessor}`),
      open: async () => {
        did.push('leases');
        throw new ServiceFault('vault', 'Vault is away.', true);
      },
    },
  } as unknown as ExecuteDependencies;
  const { runUnderLease } = createExecuteActivities(dependencies);
  const workflowExecution = { workflowId: workflowIdOf(ACTION_ID), runId };
  const running = new MockActivityEnvironment({ workflowExecution }).run(runUnderLease, {
    actionId: ACTION_ID,
    round: 1,
  });
  const error = await running.catch((thrown: unknown) => thrown);
  return { did, error };
}

describe('an attempt at an action', () => {
  let policy: Policy;
  beforeAll(async () => {
    policy = await loadPolicy('policies/example');
  });

  it('claims before it leases', async () => {
    const { did } = await attempt(policy, { attempts: 0, isBegun: false });
    expect(did).toEqual(['states claim', 'leases']);
  });

  it('ends the leases of earlier attempts before it asks for one, and no others', async () => {
    const { did } = await attempt(policy, { attempts: 1, isBegun: false });
    expect(did).toEqual(['states claim', 'revokes left', 'leases']);
  });

  it('claims nothing once the effect has begun, though no statement says so', async () => {
    const { did } = await attempt(policy, { attempts: 1, isBegun: true });
    expect(did).not.toContain('states claim');
    expect(did).not.toContain('leases');
  });

  it('is tried again when another executor was first with its claim: no refusal ends the action', async () => {
    const { did, error } = await attempt(policy, { attempts: 0, isBegun: false }, () => {
      throw new Refusal('already_claimed', 'Another attempt has taken this step.');
    });
    expect(did[0]).toBe('states claim');
    expect(did).not.toContain('leases');
    expect(error).toMatchObject({ type: 'already_claimed', nonRetryable: false });
  });
});
