import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf } from '../../src/core/json.js';
import { listenForChanges } from '../../src/record/postgres-changes.js';
import { readAhead } from '../../src/record/read-ahead.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { claimDraft, decisionDraft, recordRequest, refusalDraft, type TestRequest } from '../support/statements.js';

let installation: TestInstallation;
let processes: Awaited<ReturnType<typeof becomeAll>>;

beforeAll(async () => {
  installation = await installForTest();
  processes = await becomeAll(installation);
});
afterAll(() => installation.close());

const request = () => recordRequest(processes.gateway.record, installation.agent);

async function plan({ record }: TestProcess, { actionId, requestDigest, body: asked }: TestRequest): Promise<void> {
  const plan = {
    ...{ stages: [{ group: 'dba', quorum: 1 }], escalations: [], remindAfterMs: null, expireAfterMs: 60_000 },
    ...{ leaseTtlSeconds: 60, assurance: 'any' as const, policies: ['p'] },
  };
  const snapshot = {
    ...{ actionId, operation: asked.operation, params: {}, agent: asked.agent, leaseRole: 'r' },
    ...{ expiresAtMs: asked.expiresAtMs, fingerprint: digestOf(''), previewDigest: digestOf('') },
    planDigest: digestOf(plan),
  };
  const body = {
    ...{ round: 1, policy: { digest: digestOf(''), number: 1 }, plan, barred: [], snapshot },
    ...{ actionDigest: digestOf(snapshot), reopened: null, openedAtMs: asked.requestedAtMs },
  };
  await record.append([{ kind: 'plan', actionId, requestDigest, body, key: 'run/1' }]);
}

it('each plan on record leads to one read of its action by whoever listens, and nothing else on record to any', async () => {
  const { gateway, worker, executor } = processes;
  const read: Record<string, string[]> = { gateway: [], executor: [] };
  const told: string[] = [];
  const readers = (['gateway', 'executor'] as const).map((process) => {
    const { pool, record } = processes[process];
    const changes = listenForChanges({
      pool,
      ...(process === 'executor' && { channels: ['freeze', 'plan'] as const }),
    });
    changes.subscribe(({ kind }) => told.push(kind));
    const ofAction = async (actionId: string) => {
      const statements = await record.ofAction(actionId);
      read[process]?.push(actionId);
      return statements;
    };
    return { changes, ahead: readAhead({ record: { ofAction }, changes }) };
  });
  await expect.poll(() => told).toEqual(['any', 'any']);
  const [first, second] = [await request(), await request()];
  await gateway.record.append([refusalDraft(first), decisionDraft(first)]);
  await plan(worker, first);
  await executor.record.append([claimDraft(first)]);
  // Notices come in the order of commits: behind this one, all of the first action's have come.
  await plan(worker, second);
  const expected = [first.actionId, second.actionId];
  await expect.poll(() => read).toEqual({ gateway: expected, executor: expected });
  for (const { ahead, changes } of readers) {
    await ahead.stop();
    await changes.close();
  }
});
