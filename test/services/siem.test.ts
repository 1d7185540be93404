import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { siemConfigSchema } from '../../src/config/siem.js';
import type { JsonObject } from '../../src/core/json.js';
import { createLedger } from '../../src/ledger/postgres-ledger.js';
import { startSequencer } from '../../src/ledger/sequencer.js';
import { createRecordPool } from '../../src/record/postgres/pool.js';
import { createStatementVerifier } from '../../src/record/verify-statement.js';
import { createActionContexts } from '../../src/siem/action-contexts.js';
import { createSiemCursors } from '../../src/siem/cursors.js';
import { destinationsOf } from '../../src/siem/destinations.js';
import { createEventMapper } from '../../src/siem/event-mapper.js';
import { runSiem } from '../../src/siem/run-siem.js';
import { createLedgerSender, type Destination, type LedgerSender } from '../../src/siem/send-ledger.js';
import { takeSendingPlace } from '../../src/siem/sending-place.js';
import { SinkFault, type SiemEvent } from '../../src/siem/sink.js';
import { readSiemStatus } from '../../src/siem/status.js';
import { installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { makeLedgerKey, sequencerOptions } from '../support/ledger.js';
import { makeFolder } from '../support/siem-receivers.js';
import { claimDraft, recordRequest } from '../support/statements.js';
import { until } from '../support/until.js';

let installation: TestInstallation;
let pool: pg.Pool;
let gateway: TestProcess;
let executor: TestProcess;
let sequencing: { close(): Promise<void> };

beforeAll(async () => {
  installation = await installForTest();
  pool = createRecordPool({ url: installation.recordUrls.notary });
  gateway = await installation.become('gateway');
  executor = await installation.become('executor');
  sequencing = startSequencer(sequencerOptions(pool, makeLedgerKey()));
});
afterAll(async () => {
  await sequencing.close();
  await pool.end();
  await installation.close();
});

/** Puts two statements on record. */
async function act(): Promise<string> {
  const request = await recordRequest(gateway.record, installation.agent);
  await executor.record.append([claimDraft(request)]);
  return request.actionId;
}

const ledgerUids = async (): Promise<string[]> => {
  const uids: string[] = [];
  for (;;) {
    const entries = await createLedger(pool).entries(uids.length, 1_000);
    if (entries.length === 0) return uids;
    uids.push(...entries.map(({ leafHash }) => leafHash));
  }
};
const untilSequenced = () =>
  until(async () => {
    const { rows } = await pool.query<{ count: string }>('select count(*) from countersign.statements');
    return (await ledgerUids()).length === Number(rows[0]?.count);
  });
const withoutDoubles = (uids: readonly string[]): string[] => [...new Set(uids)];

function senderTo(destination: Destination, own: pg.Pool): LedgerSender {
  const verify = createStatementVerifier({
    keyring: () => installation.keys,
    agentKeys: (agent) => (agent === 'export-bot' ? [installation.agent.publicKey] : []),
  });
  return createLedgerSender({
    destination,
    ledger: createLedger(own),
    cursors: createSiemCursors(own),
    eventsOf: createEventMapper({ verify, contexts: createActionContexts(own, verify), clock: Date.now }),
    onFault: () => undefined,
  });
}

/** One of several notaries, which sends to these. */
function startNotary(destinations: readonly Destination[]): { pool: pg.Pool; stop(): Promise<void> } {
  const own = createRecordPool({ url: installation.recordUrls.notary });
  const running = runSiem({
    pool: own,
    senders: destinations.map((destination) => senderTo(destination, own)),
    onFault: () => undefined,
    pollMs: 20,
  });
  const stop = async (): Promise<void> => {
    await running.stop();
    if (!own.ended) await own.end();
  };
  onTestFinished(stop);
  return { pool: own, stop };
}

/** A receiver in this process, which several senders reach. */
function createReceiver(name: string) {
  const receiver = {
    got: [] as SiemEvent[],
    isAway: false,
    destination: {
      name,
      kind: 'test',
      resendAfterBreak: 0,
      open: async () => ({
        send: async (events: readonly SiemEvent[]) => {
          if (receiver.isAway) throw new SinkFault('It is away.', 0);
          receiver.got.push(...events);
          return [];
        },
        isAlive: () => true,
        close: async () => undefined,
      }),
    } satisfies Destination,
    uids: () => receiver.got.map(({ uid }) => uid),
  };
  return receiver;
}

it('of two notaries one sends; the other goes on when its connection is cut, again and again, and nothing is lost', async () => {
  const { folder, remove } = await makeFolder();
  onTestFinished(remove);
  const path = join(folder, 'events.ndjson');
  const { COUNTERSIGN_SIEM_SINKS: sinks } = siemConfigSchema.parse({
    COUNTERSIGN_SIEM_SINKS: `- {kind: ndjson-file, name: file, path: ${path}}`,
  });
  const receiver = createReceiver('beside');
  const files = () => destinationsOf(sinks, { stdout: process.stdout, clock: Date.now });
  startNotary([...files(), receiver.destination]);
  startNotary([...files(), receiver.destination]);
  const holders = async (): Promise<number[]> =>
    installation.inRecord(async (admin) => {
      const { rows } = await admin.query<{ pid: number }>(
        `select pid from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
           and ((classid::bigint << 32) | objid::bigint) = hashtextextended('countersign.siem', 0)`,
      );
      return rows.map(({ pid }) => pid);
    });
  for (let cut = 0; cut < 6; cut += 1) {
    await Promise.all(Array.from({ length: 8 }, act));
    await until(async () => (await holders()).length === 1);
    const [holder] = await holders();
    await installation.inRecord((admin) => admin.query('select pg_terminate_backend($1)', [holder]));
  }
  const actionId = await act();
  await untilSequenced();
  const uids = await ledgerUids();
  await until(async () => withoutDoubles(receiver.uids()).length === uids.length);
  expect(withoutDoubles(receiver.uids())).toEqual(uids);
  const inFile = async (): Promise<JsonObject[]> =>
    (await readFile(path, 'utf8').catch(() => ''))
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JsonObject);
  await until(
    async () => new Set((await inFile()).map(({ metadata }) => (metadata as { uid: string }).uid)).size === uids.length,
  );
  expect(withoutDoubles((await inFile()).map(({ metadata }) => (metadata as { uid: string }).uid))).toEqual(uids);
  // Each was verified, and the claim knows whose action it was.
  expect(receiver.got.filter(({ event }) => event.class_uid === 2004)).toEqual([]);
  const claim = receiver.got.find(
    ({ event }) => event.class_uid === 6003 && event.metadata['correlation_uid'] === actionId,
  );
  expect(claim?.event).toMatchObject({
    actor: { user: { name: 'export-bot' } },
    api: { operation: 'database.export' },
  });
});

it('a receiver that is away holds up no other; its lag is seen, and gone when it is back', async () => {
  const [away, beside] = [createReceiver('away'), createReceiver('well')];
  away.isAway = true;
  startNotary([away.destination, beside.destination]);
  await act();
  await untilSequenced();
  const uids = await ledgerUids();
  await until(async () => beside.got.length >= uids.length);
  const lateMs = 90_000;
  // As the gateway sees it.
  const statusOf = async (name: string) => {
    const status = await readSiemStatus({
      cursors: createSiemCursors(gateway.pool),
      ledger: createLedger(gateway.pool),
      clock: () => Date.now() + lateMs,
    });
    expect(status.ledgerSize).toBe(uids.length);
    return status.sinks.find(({ sink }) => sink === name);
  };
  await until(async () => (await statusOf('well'))?.lagEntries === 0);
  await until(async () => (await statusOf('away'))?.lastError === 'It is away.');
  const lagging = await statusOf('away');
  expect(lagging).toMatchObject({ lagEntries: uids.length, next: 0 });
  expect(lagging?.lagSeconds).toBeGreaterThanOrEqual(lateMs / 1_000);
  expect(await statusOf('well')).toMatchObject({ lagSeconds: 0, lastError: null, lastUid: uids.at(-1) });
  away.isAway = false;
  await until(async () => (await statusOf('away'))?.lagEntries === 0);
  expect(away.uids()).toEqual(uids);
  expect(await statusOf('away')).toMatchObject({ lagSeconds: 0, lastError: null, failingSinceMs: null });
});

it('a statement that was put on record without a right signature is a finding, whatever it says', async () => {
  const actionId = await act();
  await installation.inRecord((admin) =>
    admin.query(
      `insert into countersign.statements (kind, action_id, digest, process, number, previous, envelope)
       select 'decision', action_id, repeat('a', 64), 'gateway', 1000000, repeat('0', 64), envelope from countersign.statements
       where action_id = $1 and kind = 'claim'`,
      [actionId],
    ),
  );
  await untilSequenced();
  const receiver = createReceiver('forged');
  const notary = startNotary([receiver.destination]);
  const uids = await ledgerUids();
  await until(async () => receiver.got.length >= uids.length);
  await notary.stop();
  const last = receiver.got.find(({ index }) => index === uids.length - 1);
  expect(last?.event).toMatchObject({ class_uid: 2004, severity_id: 5, metadata: { event_code: 'decision' } });
});

describe('the rights', () => {
  it.each(['gateway', 'worker', 'executor'] as const)('the %s moves no cursor', async (process) => {
    const own = createRecordPool({ url: installation.recordUrls[process] });
    onTestFinished(() => own.end());
    for (const sql of [
      `insert into countersign.siem_cursors (sink, kind) values ('mine', 'test')`,
      `update countersign.siem_cursors set next_index = next_index + 1`,
      `delete from countersign.siem_cursors`,
    ])
      await expect(own.query(sql)).rejects.toThrow(/permission denied/);
  });

  it('not even the notary moves one back, or removes it', async () => {
    const cursors = createSiemCursors(pool);
    await cursors.open('kept', 'test');
    await cursors.advance('kept', { next: 10, lastUid: 'b', rejected: 2 });
    await cursors.advance('kept', { next: 4, lastUid: 'a', rejected: 1 });
    expect(await cursors.open('kept', 'test')).toMatchObject({ next: 10, lastUid: 'b', rejected: 2 });
    await expect(pool.query(`update countersign.siem_cursors set next_index = 3 where sink = 'kept'`)).rejects.toThrow(
      /never goes back/,
    );
    await expect(pool.query(`delete from countersign.siem_cursors`)).rejects.toThrow(/permission denied/);
  });
});

it('the place is one process’s at a time, and free when that one lets go', async () => {
  const first = await takeSendingPlace(pool);
  expect(first).not.toBeNull();
  expect(await takeSendingPlace(pool)).toBeNull();
  await first?.release();
  let second: Awaited<ReturnType<typeof takeSendingPlace>> = null;
  await until(async () => (second = await takeSendingPlace(pool)) !== null);
  await (second as Awaited<ReturnType<typeof takeSendingPlace>>)?.release();
});
