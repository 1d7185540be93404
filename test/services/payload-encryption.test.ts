import { readFile } from 'node:fs/promises';
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTemporalAgent } from '../../src/client/temporal.js';
import { signRequest, type CountersignGateway } from '../../src/client/index.js';
import { TASK_QUEUES } from '../../src/contracts/activities.js';
import { PRIVILEGED_ACTION, reviewStateQuery } from '../../src/contracts/workflow.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import {
  agentOf,
  agentSigner,
  personAt,
  PLAIN_EXPORT,
  until as untilView,
  type PersonAtGateway,
} from '../support/actors.js';
import { clearHistoryOf } from '../support/clear-history.js';
import { startBreakableProxy, type BreakableProxy } from '../support/holding-proxy.js';
import { startStack, type StartedProcess, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';

const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];
const QUERY = "select id, status from orders where status <> 'zebra-fish'";
const REASON = 'Because Grace Hopper asked for the okapi numbers';
const DECISION = 'Fine, said the pangolin';

let vault: BreakableProxy;
let stack: Stack;
let started: StartedProcess[];
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  vault = await startBreakableProxy(inject('services').vault.address);
  const settings = { COUNTERSIGN_VAULT_ADDRESS: vault.url };
  const extra = Object.fromEntries(PROCESSES.map((process) => [process, settings]));
  stack = await startStack({ processes: [], extra });
  await startAll();
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
});
afterAll(async () => {
  vault.mend();
  await stack.close();
  await vault.close();
});

async function startAll(): Promise<void> {
  started = await Promise.all(PROCESSES.map((process) => stack.start(process)));
}

const handleOf = (actionId: string) => stack.client.workflow.getHandle(workflowIdOf(actionId));

async function hold(change: Partial<Parameters<CountersignGateway['request']>[0]> = {}): Promise<string> {
  const params = { ...PLAIN_EXPORT.params, query: QUERY };
  const { actionId } = await agent.request({ ...PLAIN_EXPORT, params, reason: REASON, ...change });
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

/** Every text that base64 hides in a text, three deep: payloads hold envelopes, which hold statements. */
function unfolded(text: string, depth = 3): string {
  if (depth === 0) return text;
  const folded = text.match(/[A-Za-z0-9+/_-]{24,}={0,2}/g) ?? [];
  return [text, ...folded.map((part) => unfolded(Buffer.from(part, 'base64').toString('latin1'), depth - 1))].join(
    '\n',
  );
}

/** Which of the words the history shows: as Temporal keeps it, and in clear. */
async function wordsIn(actionId: string, words: readonly string[]) {
  const raw = unfolded(JSON.stringify(await handleOf(actionId).fetchHistory()));
  const clear = unfolded(JSON.stringify(await clearHistoryOf(stack.client, workflowIdOf(actionId))));
  const found = (text: string): string[] => words.filter((word) => text.includes(word));
  return { raw: found(raw), clear: found(clear) };
}

describe('what Temporal keeps of an action', () => {
  it('shows neither what it does, nor why, nor who decided', async () => {
    const actionId = await hold();
    await ben.decideOn(actionId, 'approve', DECISION);
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
    await handleOf(actionId).result();
    const words = ['zebra-fish', 'okapi', 'pangolin', '"ben"', 'payloadType', 'asked by export-bot'];
    expect(await wordsIn(actionId, words)).toEqual({ raw: [], clear: words });
  });

  it('costs Vault no question once the processes know each other’s keys', async () => {
    const run = async (): Promise<void> => {
      const actionId = await hold();
      await ben.decideOn(actionId, 'approve');
      await agent.wait(actionId, { timeoutMs: 60_000 });
      await handleOf(actionId).result();
    };
    const { transit } = stack.installation.vault.mounts;
    const asked = async (): Promise<number> => {
      const log = await readFile(inject('services').vault.auditFile, 'utf8');
      const about = [`"path":"${transit}/datakey/plaintext/payloads"`, `"path":"${transit}/decrypt/payloads"`];
      return log.split('\n').filter((line) => about.some((path) => line.includes(path))).length;
    };
    await run();
    // Who reads what whom wrote depends on who was quicker: a second run meets the last of the keys.
    await run();
    const before = await asked();
    expect(before).toBeGreaterThan(0);
    await run();
    expect(await asked()).toBe(before);
  });

  it('shows no word of a refusal but its code', async () => {
    const params = { ...PLAIN_EXPORT.params, query: 'select platypus from orders; select 2' };
    const signed = await signRequest({ ...PLAIN_EXPORT, params, agent: 'export-bot' }, agentSigner(stack));
    const handle = await stack.client.workflow.start(PRIVILEGED_ACTION, {
      workflowId: workflowIdOf(signed.actionId),
      taskQueue: TASK_QUEUES.worker,
      args: [{ request: signed.envelope }],
    });
    await expect(handle.result()).rejects.toThrow();
    const words = ['platypus', 'one statement', 'query_forbidden'];
    expect(await wordsIn(signed.actionId, words)).toEqual({ raw: ['query_forbidden'], clear: words });
  });
});

describe('an agent with a Temporal client of its own, which has no keys', () => {
  it('starts with a plain payload, withdraws, and learns how its action ended', async () => {
    const client = new Client({ connection: stack.client.connection, namespace: stack.namespace });
    const direct = createTemporalAgent({ client, signer: agentSigner(stack) });
    const request = () => direct.request({ ...PLAIN_EXPORT, reason: REASON });
    const approved = await request();
    await until(async () => (await handleOf(approved.actionId).query(reviewStateQuery)).phase === 'waiting');
    await ben.decideOn(approved.actionId, 'approve');
    const ended = { actionId: approved.actionId, status: 'succeeded', outcome: null };
    expect(await direct.wait(approved.actionId, { timeoutMs: 60_000 })).toEqual(ended);
    const withdrawn = await request();
    await direct.withdraw(withdrawn, 'not needed');
    expect(await direct.wait(withdrawn.actionId, { timeoutMs: 60_000 })).toMatchObject({ outcome: null });
    const { raw } = await wordsIn(withdrawn.actionId, ['not needed', 'okapi']);
    // What it sent itself stays as it sent it.
    expect(raw).toEqual(['not needed', 'okapi']);
  });
});

describe('while Vault is away', () => {
  it('a review goes on, and its expiry denies the action', async () => {
    const actionId = await hold({ lifetimeMs: 12_000 });
    vault.break();
    // Everything below is encrypted and decrypted by keys that the processes hold: question, answer, timer.
    expect(await handleOf(actionId).query(reviewStateQuery)).toMatchObject({ phase: 'waiting' });
    await until(async () => (await handleOf(actionId).query(reviewStateQuery)).phase === 'closing', 60_000);
    expect((await handleOf(actionId).describe()).status.name).toBe('RUNNING');
    vault.mend();
    expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('expired');
  });
});

describe('the wrapping key is rotated while actions wait', () => {
  it('they go on, also in processes that start later; new keys are of the new version', async () => {
    const { vaultAdmin, vault: installed } = stack.installation;
    const waiting = await hold();
    await vaultAdmin.write(`${installed.mounts.transit}/keys/payloads/rotate`, {});
    await Promise.all(started.map((process) => process.stop()));
    await startAll();
    const later = await hold();
    for (const actionId of [waiting, later]) {
      await ben.decideOn(actionId, 'approve');
      expect((await agent.wait(actionId, { timeoutMs: 60_000 })).outcome?.status).toBe('succeeded');
      await handleOf(actionId).result();
    }
    const versionsOf = async (actionId: string): Promise<string[]> => {
      const raw = unfolded(JSON.stringify(await handleOf(actionId).fetchHistory()), 1);
      return [...new Set(raw.match(/vault:v\d+/g))].sort();
    };
    expect(await versionsOf(waiting)).toEqual(['vault:v1', 'vault:v2']);
    expect(await versionsOf(later)).toContain('vault:v2');
  });
});
