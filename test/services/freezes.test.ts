import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payloadDigest, seal, type Signer } from '../../src/core/dsse.js';
import { digestOf } from '../../src/core/json.js';
import type { KeyPurpose } from '../../src/core/keyring.js';
import { buildStatement } from '../../src/core/statement.js';
import type { FreezeScope, ProcessName, StatementBody } from '../../src/core/schemas/statements.js';
import { isCovered, openFreezes, scopesOver, wordOfScope } from '../../src/record/freezes.js';
import { listenForChanges } from '../../src/record/postgres-changes.js';
import { FROZEN_WORD, LIFTED_WORD } from '../../src/record/postgres/freezes-by-people-table.js';
import type { AnyDraft, Recorded } from '../../src/record/record.js';
import { createTransitSigner } from '../../src/vault/transit-signer.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { recordRequest, type TestRequest } from '../support/statements.js';
import { makeKey, sealStatement } from '../support/signing.js';
import { plantStatement } from '../adversarial/plant.js';

let installation: TestInstallation;
let gateway: TestProcess;
let executor: TestProcess;
let worker: TestProcess;

beforeAll(async () => {
  installation = await installForTest();
  [gateway, executor, worker] = await Promise.all([
    installation.become('gateway'),
    installation.become('executor'),
    installation.become('worker'),
  ]);
});
afterAll(() => installation.close());

// Whose word counts is asked of the directory, not of the record.
const ANYBODY = { canonical: (person: string) => person, mayUnfreeze: () => true };

const newAgent = (): string => `bot-${ulid().toLowerCase()}`;

function freezeBody(agent: string): StatementBody<'freeze'> {
  return { agent, because: 'effect_mismatch', incident: 'effect_larger_than_preview', frozenAtMs: Date.now() };
}

function unfreezeBody(agent: string, freeze: string): StatementBody<'unfreeze'> {
  return {
    agent,
    freeze,
    reason: 'Looked at.',
    by: { person: 'erin', group: 'security-oncall' },
    via: { channel: 'api', subject: 'erin' },
    unfrozenAtMs: Date.now(),
  };
}

async function freeze(agent: string): Promise<{ request: TestRequest; frozen: Recorded<'freeze'> }> {
  const request = await recordRequest(gateway.record, installation.agent);
  const { actionId, requestDigest } = request;
  const draft: AnyDraft = { kind: 'freeze', actionId, requestDigest, body: freezeBody(agent), key: agent };
  const [frozen] = await executor.record.append([draft]);
  return { request, frozen: frozen as Recorded<'freeze'> };
}

async function lift(agent: string, { request, frozen }: Awaited<ReturnType<typeof freeze>>): Promise<void> {
  const { actionId, requestDigest } = request;
  const body = unfreezeBody(agent, frozen.digest);
  await gateway.record.append([{ kind: 'unfreeze', actionId, requestDigest, body, key: frozen.digest }]);
}

function freezeByPersonBody(scope: FreezeScope): Extract<StatementBody<'freeze'>, { because: 'person' }> {
  const by = { person: 'erin', group: 'security' };
  const via = { channel: 'api', subject: 'erin' };
  return { because: 'person', scope, reason: 'It leaks.', by, via, frozenAtMs: Date.now() };
}

async function freezeAsPerson(scope: FreezeScope): Promise<Recorded<'freeze'>> {
  const body = freezeByPersonBody(scope);
  const key = `${wordOfScope(scope)}/erin/${ulid()}`;
  const requestDigest = digestOf(body);
  const [frozen] = await gateway.record.append([{ kind: 'freeze', actionId: null, requestDigest, body, key }]);
  return frozen as Recorded<'freeze'>;
}

async function liftAsPerson({ digest }: Recorded<'freeze'>, person: string): Promise<void> {
  const by = { person, group: 'security' };
  const body = {
    freeze: digest,
    reason: 'Mended.',
    by,
    via: { channel: 'api', subject: person },
    unfrozenAtMs: Date.now(),
  };
  const key = `${digest}/${person}`;
  await gateway.record.append([{ kind: 'unfreeze', actionId: null, requestDigest: digestOf(body), body, key }]);
}

function signerOf({ vault }: TestProcess, purpose: KeyPurpose): Promise<Signer> {
  return createTransitSigner({ client: vault, mount: installation.vault.mounts.transit, purpose });
}

/** How many freezes of the agent are open, as another process reads it. */
async function openOf(agent: string): Promise<number> {
  return openFreezes(await worker.record.freezesOf([{ kind: 'agent', agent }]), () => true, ANYBODY).length;
}

describe('the freezes of an agent', () => {
  it('are read by all, under whatever actions, each open until its own is lifted', async () => {
    const agent = newAgent();
    expect(await openOf(agent)).toBe(0);
    const first = await freeze(agent);
    const second = await freeze(agent);
    expect(await openOf(agent)).toBe(2);
    await lift(agent, first);
    await lift(agent, first);
    expect(await openOf(agent)).toBe(1);
    await lift(agent, second);
    expect(await openOf(agent)).toBe(0);
    await freeze(agent);
    expect(await openOf(agent)).toBe(1);
  });

  it('do not touch another agent', async () => {
    await freeze(newAgent());
    expect(await openOf(newAgent())).toBe(0);
  });

  it('are found by their index, however many statements there are', async () => {
    await installation.inRecord(async (client) => {
      await client.query('set enable_seqscan = off');
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(
        "explain select * from countersign.statements where kind = 'freeze' and key = 'bot'",
      );
      expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('statements_freezes');
    });
  });
});

describe('what people freeze', () => {
  // Others of this file freeze, too: an operation of its own for each agent.
  const over = (agent: string) => scopesOver({ agent, operation: `of.${agent}` });
  const openOver = async (agent: string): Promise<string[]> =>
    openFreezes(
      await worker.record.freezesOf(over(agent)),
      (scope) => isCovered({ agent, operation: `of.${agent}` }, scope),
      ANYBODY,
    ).map(({ digest }) => digest);

  it.each<[string, (agent: string) => FreezeScope]>([
    ['an agent', (agent) => ({ kind: 'agent', agent })],
    ['an operation', (agent) => ({ kind: 'operation', operation: `of.${agent}` })],
    ['everything', () => ({ kind: 'all' })],
  ])('%s: is read with what the executor froze, told at once, and lifted by two', async (_what, scopeOf) => {
    const agent = newAgent();
    const told: string[] = [];
    const changes = listenForChanges({ pool: worker.pool, channels: ['freeze'] });
    changes.subscribe(({ kind }) => told.push(kind));
    await expect.poll(() => told).toEqual(['any']);
    await freeze(agent);
    await expect.poll(() => told).toEqual(['any', 'freeze']);
    const [before] = await openOver(agent);
    const frozen = await freezeAsPerson(scopeOf(agent));
    await expect.poll(() => told).toEqual(['any', 'freeze', 'freeze']);
    expect(await openOver(agent)).toEqual([before, frozen.digest]);
    expect((await worker.record.newestFreezes()).statements.map(({ digest }) => digest)).toContain(frozen.digest);
    await liftAsPerson(frozen, 'erin');
    await liftAsPerson(frozen, 'erin');
    expect(await openOver(agent)).toContain(frozen.digest);
    await liftAsPerson(frozen, 'fay');
    expect(await openOver(agent)).toEqual([before]);
    await changes.close();
  });

  it('are listed as long as they stand, however many came since', async () => {
    const agent = newAgent();
    const [standing, byExecutor] = [await freezeAsPerson({ kind: 'agent', agent }), (await freeze(agent)).frozen];
    const lifted = await freezeAsPerson({ kind: 'agent', agent: newAgent() });
    await liftAsPerson(lifted, 'erin');
    await liftAsPerson(lifted, 'fay');
    await liftAsPerson(standing, 'erin');
    const listed = async () => (await worker.record.newestFreezes()).statements.map(({ digest }) => digest);
    expect(await listed()).toEqual(expect.arrayContaining([standing.digest, byExecutor.digest, lifted.digest]));
    const madeUp = `kind = 'freeze' and envelope = '{}'`;
    await installation.inRecord(async (admin) => {
      await admin.query(`set session_replication_role = replica; insert into countersign.statements (kind, digest, process, number, previous, envelope)
        select 'freeze', encode(sha256(n::text::bytea), 'hex'), 'gateway', 100000 + n, repeat('0', 64), '{}' from generate_series(1, 1000) n`);
      const since = await listed();
      await admin.query(`delete from countersign.statements where ${madeUp}`);
      expect(since).toEqual(expect.arrayContaining([standing.digest, byExecutor.digest]));
      expect(since).not.toContain(lifted.digest);
    });
  });

  it('touch nothing beside', async () => {
    const agent = newAgent();
    await freezeAsPerson({ kind: 'agent', agent: newAgent() });
    await freezeAsPerson({ kind: 'operation', operation: 'infra.apply' });
    expect(await openOver(agent)).toEqual([]);
  });

  it('are found by their indexes, however many statements there are', async () => {
    await installation.inRecord(async (client) => {
      await client.query('set enable_seqscan = off');
      const explain = async (where: string): Promise<string> => {
        const sql = `explain select * from countersign.statements where action_id is null and ${where}`;
        return (await client.query<{ 'QUERY PLAN': string }>(sql)).rows.map((row) => row['QUERY PLAN']).join('\n');
      };
      const frozen = await explain(`kind = 'freeze' and ${FROZEN_WORD} = any(array['all/all'])`);
      expect(frozen).toContain('statements_freezes_by_people');
      expect(await explain(`kind = 'unfreeze' and ${LIFTED_WORD} = 'x'`)).toContain('statements_lifts_by_people');
    });
  });

  it.each<[string, () => TestProcess, KeyPurpose, 'gateway' | 'executor']>([
    ['the executor’s key in the executor’s name', () => executor, 'executor', 'executor'],
    ['the executor’s key in the gateway’s name', () => executor, 'executor', 'gateway'],
    ['the gateway’s key in the executor’s name', () => gateway, 'decision', 'executor'],
  ])('by %s is refused, and nothing is read past it', async (_whose, own, purpose, process) => {
    const agent = newAgent();
    const body = freezeByPersonBody({ kind: 'agent', agent });
    const requestDigest = digestOf(body);
    const chain = { process, number: 1, previous: '0'.repeat(64) };
    const statement = buildStatement('freeze', { actionId: null, requestDigest, body, chain });
    const [envelope] = await seal([statement], await signerOf(own(), purpose));
    if (envelope === undefined) throw new Error('nothing was sealed');
    const key = `agent/${agent}/erin/0`;
    await plantStatement({ installation }, { kind: 'freeze', actionId: null, envelope, process, key });
    await expect(worker.record.freezesOf([{ kind: 'agent', agent }])).rejects.toMatchObject({
      code: 'statement_invalid',
      message: expect.stringContaining('is stated by another process') as string,
    });
    // It hides no other.
    expect((await worker.record.newestFreezes()).unreadable).toContain(payloadDigest(envelope));
  });

  it('is the gateway’s to state, not the executor’s; and the gateway states none under an action', async () => {
    const agent = newAgent();
    const body = freezeByPersonBody({ kind: 'agent', agent });
    const byPerson: AnyDraft = { kind: 'freeze', actionId: null, requestDigest: digestOf(body), body };
    await expect(executor.record.append([byPerson])).rejects.toMatchObject({ code: 'statement_invalid' });
    const { actionId, requestDigest } = await recordRequest(gateway.record, installation.agent);
    const underAction: AnyDraft = { kind: 'freeze', actionId, requestDigest, body: freezeBody(agent), key: agent };
    await expect(gateway.record.append([underAction])).rejects.toMatchObject({ code: 'statement_invalid' });
    const insert = `insert into countersign.statements (kind, action_id, digest, process, number, previous, key, envelope)
      values ('freeze', null, repeat('a', 64), 'executor', 1000000, repeat('b', 64), $1, '{}')`;
    await expect(executor.pool.query(insert, [`agent/${agent}/erin/0`])).rejects.toThrow(/row-level security/);
  });
});

describe('a statement by the wrong key', () => {
  it.each<[ProcessName, 'freeze' | 'unfreeze' | 'incident']>([
    ['gateway', 'freeze'],
    ['worker', 'freeze'],
    ['worker', 'incident'],
    ['executor', 'unfreeze'],
    ['worker', 'unfreeze'],
  ])('%s has no key for “%s”, and no right to the row', async (name, kind) => {
    const agent = newAgent();
    const { request, frozen } = await freeze(agent);
    const { actionId, requestDigest } = request;
    const { code, severity, sentence } = { code: 'x_y', severity: 'high', sentence: 'x' } as const;
    const bodies = {
      freeze: freezeBody(agent),
      unfreeze: unfreezeBody(agent, frozen.digest),
      incident: { actionId, agent, code, severity, sentence, openedAtMs: 1 },
    };
    const draft = { kind, actionId, requestDigest, body: bodies[kind] } as AnyDraft;
    const { record, pool } = { gateway, executor, worker, notary: worker }[name];
    await expect(record.append([draft])).rejects.toMatchObject({ code: 'statement_invalid' });
    const insert = `insert into countersign.statements (kind, action_id, digest, process, number, previous, key, envelope)
      values ($1, $2, repeat('a', 64), $3, 1000000, repeat('b', 64), $4, '{}')`;
    await expect(pool.query(insert, [kind, actionId, name, agent])).rejects.toThrow(/row-level security/);
    expect(await openOf(agent)).toBe(1);
  });

  it.each<[string, () => Signer | Promise<Signer>]>([
    ['a stranger’s that calls itself decision/1', () => makeKey('decision/1').signer],
    ['the agent’s', () => installation.agent.signer],
    ['the gateway’s “intake”', () => signerOf(gateway, 'intake')],
    ['the executor’s', () => signerOf(executor, 'executor')],
    ['the worker’s', () => signerOf(worker, 'worker')],
  ])('%s, planted as an “unfreeze”, lets nothing through', async (_whose, signer) => {
    const agent = newAgent();
    const { request, frozen } = await freeze(agent);
    const { actionId, requestDigest } = request;
    const body = unfreezeBody(agent, frozen.digest);
    const chain = { process: 'gateway' as const, number: 1, previous: '0'.repeat(64) };
    const [envelope] = await seal(
      [buildStatement('unfreeze', { actionId, requestDigest, body, chain })],
      await signer(),
    );
    if (envelope === undefined) throw new Error('nothing was sealed');
    await plantStatement({ installation }, { kind: 'unfreeze', actionId, envelope, process: 'gateway' });
    await expect(worker.record.freezesOf([{ kind: 'agent', agent }])).rejects.toMatchObject({
      code: 'statement_invalid',
      message: expect.stringContaining('its envelope does not verify') as string,
    });
  });
});

describe('incidents', () => {
  it('come newest first, page by page, and one that was forged does not hide the others', async () => {
    const request = await recordRequest(gateway.record, installation.agent);
    const { actionId, requestDigest } = request;
    const draft = (openedAtMs: number): AnyDraft => ({
      kind: 'incident',
      actionId,
      requestDigest,
      body: { actionId, agent: 'export-bot', code: 'effect_differs', severity: 'high', sentence: 'x', openedAtMs },
    });
    await executor.record.append([draft(1), draft(2), draft(3)]);
    const first = await worker.record.listIncidents({ limit: 2 });
    expect(first.incidents.map(({ body }) => body.openedAtMs)).toEqual([3, 2]);
    const rest = await worker.record.listIncidents({ limit: 2, ...(first.next !== null && { before: first.next }) });
    expect([rest.incidents.map(({ body }) => body.openedAtMs), rest.next]).toEqual([[1], null]);
    expect((await worker.record.listIncidents({ limit: 9, agent: 'another' })).incidents).toEqual([]);

    const envelope = await sealStatement(
      'incident',
      actionId,
      requestDigest,
      { actionId, agent: 'export-bot', code: 'effect_differs', severity: 'high', sentence: 'x', openedAtMs: 4 },
      makeKey('executor/1'),
    );
    await plantStatement({ installation }, { kind: 'incident', actionId, envelope, process: 'executor' });
    const all = await worker.record.listIncidents({ limit: 9, agent: 'export-bot' });
    expect([all.incidents.length, all.unreadable]).toEqual([3, [actionId]]);
  });
});
