import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/json.js';
import type { ActionView } from '../../src/record/action-view.js';
import { createArchivedContents } from '../../src/evidence/archived-contents.js';
import { createContentRetention } from '../../src/record/content-retention.js';
import { CONTENT_LIMIT_BYTES, ContentRemoved } from '../../src/record/contents.js';
import { readLogText } from '../../src/record/log-text.js';
import { createContents } from '../../src/record/postgres-contents.js';
import { createDataKeys } from '../../src/vault/data-keys.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { receiptDraft, recordRequest } from '../support/statements.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';

const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];

let installation: TestInstallation;
let processes: Record<ProcessName, TestProcess>;

beforeAll(async () => {
  installation = await installForTest();
  processes = await becomeAll(installation);
});
afterAll(() => installation.close());

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const fresh = (): Uint8Array => bytesOf(`a plan ${randomBytes(8).toString('hex')}`);

/** As the superuser, past the guard that even the owner has to remove. */
async function tamper(sql: string, values: unknown[]): Promise<void> {
  await installation.inRecord(async (client) => {
    await client.query('begin');
    await client.query('alter table countersign.contents disable trigger user');
    await client.query(sql, values);
    await client.query('alter table countersign.contents enable trigger user');
    await client.query('commit');
  });
}

describe('the content store', () => {
  it.each([
    ['nothing', new Uint8Array()],
    ['text', bytesOf('größer 🙂')],
    ['bytes that are no text', randomBytes(70_000)],
    ['as much as it takes', randomBytes(CONTENT_LIMIT_BYTES)],
  ])('keeps %s for all four processes', async (_, bytes) => {
    const sha256 = await processes.worker.contents.put(bytes);
    expect(sha256).toBe(sha256Hex(bytes));
    for (const process of PROCESSES) {
      expect(Buffer.compare(await processes[process].contents.get(sha256), bytes)).toBe(0);
    }
  });

  it('keeps a thing once, however often and by whomever it is put', async () => {
    const bytes = fresh();
    const puts = [processes.gateway, processes.worker, processes.gateway, processes.worker];
    const digests = new Set(await Promise.all(puts.map(({ contents }) => contents.put(bytes))));
    expect([...digests]).toEqual([sha256Hex(bytes)]);
    const rows = await installation.inRecord((client) =>
      client.query('select from countersign.contents where digest = $1', [sha256Hex(bytes)]),
    );
    expect(rows.rowCount).toBe(1);
  });

  it('refuses more than it takes', async () => {
    const bytes = new Uint8Array(CONTENT_LIMIT_BYTES + 1);
    await expect(processes.worker.contents.put(bytes)).rejects.toMatchObject({ code: 'content_too_large' });
  });

  it('refuses what was never put', async () => {
    await expect(processes.executor.contents.get(sha256Hex('nothing'))).rejects.toMatchObject({
      code: 'content_missing',
    });
  });

  it('keeps nothing in clear, and each thing under a key of its own', async () => {
    const [one, other] = [fresh(), fresh()];
    const digests = [await processes.gateway.contents.put(one), await processes.gateway.contents.put(other)];
    const { rows } = await installation.inRecord((client) =>
      client.query<{ row: string; wrapped_key: string }>(
        "select c::text || encode(sealed, 'escape') as row, wrapped_key from countersign.contents c where digest = any($1)",
        [digests],
      ),
    );
    expect(rows).toHaveLength(2);
    for (const { row } of rows) expect(row).not.toContain('a plan');
    expect(new Set(rows.map(({ wrapped_key }) => wrapped_key)).size).toBe(2);
  });

  describe('refuses what was changed:', () => {
    it.each([
      ['the ciphertext', 'update countersign.contents set sealed = set_byte(sealed, 0, get_byte(sealed, 0) # 1)'],
      [
        'the tag',
        'update countersign.contents set sealed = set_byte(sealed, octet_length(sealed) - 1, get_byte(sealed, octet_length(sealed) - 1) # 1)',
      ],
      ['its end', 'update countersign.contents set sealed = substr(sealed, 1, 16)'],
      ['the nonce', 'update countersign.contents set nonce = set_byte(nonce, 0, get_byte(nonce, 0) # 1)'],
      ['the wrapped key', "update countersign.contents set wrapped_key = 'vault:v1:' || repeat('A', 80)"],
      ['the form of the wrapped key', "update countersign.contents set wrapped_key = 'none'"],
    ])('%s', async (_, sql) => {
      const bytes = fresh();
      const sha256 = await processes.worker.contents.put(bytes);
      await tamper(`${sql} where digest = $1`, [sha256]);
      await expect(processes.executor.contents.get(sha256)).rejects.toMatchObject({ code: 'content_corrupt' });
      // Not passed over when it is put again: whoever put it would find nothing to get.
      await expect(processes.worker.contents.put(bytes)).rejects.toMatchObject({ code: 'content_corrupt' });
    });

    it('another thing of the store under its digest', async () => {
      const [wanted, other] = [
        await processes.worker.contents.put(fresh()),
        await processes.worker.contents.put(fresh()),
      ];
      await tamper(
        `update countersign.contents c set wrapped_key = o.wrapped_key, nonce = o.nonce, sealed = o.sealed
         from countersign.contents o where c.digest = $1 and o.digest = $2`,
        [wanted, other],
      );
      await expect(processes.executor.contents.get(wanted)).rejects.toMatchObject({ code: 'content_corrupt' });
    });
  });

  describe('by age', () => {
    const DAY_MS = 86_400_000;
    const pass = (retentionMs = 100 * DAY_MS): Promise<number> => {
      const { pool, record } = processes.notary;
      return createContentRetention({ pool, record, retentionMs, clock: Date.now })();
    };
    const putAt = async (daysAgo: number, bytes = fresh()): Promise<string> => {
      const sha256 = await processes.gateway.contents.put(bytes);
      await age(sha256, daysAgo);
      return sha256;
    };
    const age = (sha256: string, daysAgo: number): Promise<void> =>
      tamper("update countersign.contents set used_at = now() - $2 * interval '1 day' where digest = $1", [
        sha256,
        daysAgo,
      ]);
    const isKept = (sha256: string): Promise<boolean> =>
      processes.executor.contents.get(sha256).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(ContentRemoved);
          return false;
        },
      );

    it('removes what nothing has used for the retention time, and says later when that was', async () => {
      const [old, young] = [await putAt(101), await putAt(99)];
      expect(await pass()).toBe(1);
      expect([await isKept(old), await isKept(young)]).toEqual([false, true]);
      const today = new Date().toISOString().slice(0, 10);
      const message = `It was removed from the content store on ${today}, when its retention time was over.`;
      await expect(processes.gateway.contents.get(old)).rejects.toMatchObject({ code: 'content_removed', message });
      expect(await pass()).toBe(0);
    });

    it('keeps what is archived for good, and goes on with the rest', async () => {
      const [archived, old] = [await putAt(1_000), await putAt(1_000)];
      await createArchivedContents(processes.notary.pool).keep(archived, null);
      expect(await pass()).toBe(1);
      expect([await isKept(archived), await isKept(old)]).toEqual([true, false]);
    });

    it('keeps what an open action names, until it has ended', async () => {
      const { gateway, notary } = processes;
      const bytes = fresh();
      const sha256 = await gateway.contents.put(bytes);
      const request = await recordRequest(gateway.record, installation.agent);
      const { actionId, requestDigest } = request;
      const sizes = { sentSha256: sha256Hex('sent'), storedSha256: sha256, bytes: bytes.length, redactions: [] };
      const body = { kind: 'logs' as const, ...sizes };
      await gateway.record.append([{ kind: 'attachment', actionId, requestDigest, body }]);
      await age(sha256, 500);
      expect(await pass()).toBe(0);
      await notary.record.append([receiptDraft(request)]);
      expect(await pass()).toBe(1);
      expect(await isKept(sha256)).toBe(false);
    });

    it('counts from the last time that it was put, or planned with, not from when it was looked at', async () => {
      const [putAgain, planned, looked] = [fresh(), fresh(), fresh()];
      const digests = await Promise.all([putAgain, planned, looked].map((bytes) => putAt(101, bytes)));
      await processes.worker.contents.put(putAgain);
      const { pool, vault: client } = processes.worker;
      const keys = createDataKeys({ client, mount: installation.vault.mounts.transit });
      const planning = createContents({ pool, keys, getsForRequests: true });
      await planning.get(digests[1] ?? '');
      await processes.gateway.contents.get(digests[2] ?? '');
      expect(await pass()).toBe(1);
      expect(await Promise.all(digests.map(isKept))).toEqual([true, true, false]);
    });

    it('can be put again, and is there again', async () => {
      const bytes = fresh();
      const sha256 = await putAt(101, bytes);
      await pass();
      await processes.gateway.contents.put(bytes);
      expect(await isKept(sha256)).toBe(true);
    });

    it('is told calmly of a log that is no longer kept', async () => {
      const stored = { sha256: await putAt(101), bytes: 1, redactions: [] };
      await pass();
      const view = { logs: { sentSha256: sha256Hex('sent'), stored } } as unknown as ActionView;
      expect(await readLogText(view, processes.gateway.contents)).toMatchObject({
        ok: false,
        because: expect.stringMatching(/^It was removed from the content store on \d{4}-\d\d-\d\d, when/) as string,
      });
    });

    it('removes nothing younger than 30 days, whatever the notary is told, and nothing without a trace', async () => {
      const { pool } = processes.notary;
      const sha256 = await putAt(29);
      await expect(pass(DAY_MS)).rejects.toMatchObject({ service: 'record' });
      expect(await isKept(sha256)).toBe(true);
      await age(sha256, 31);
      await pool.query('delete from countersign.contents where digest = $1', [sha256]);
      expect(await isKept(sha256)).toBe(false);
      for (const sql of [
        'delete from countersign.content_removals',
        'insert into countersign.content_removals default values',
      ])
        await expect(pool.query(sql)).rejects.toMatchObject({ code: '42501' });
    });
  });

  describe('in PostgreSQL', () => {
    const insert = `insert into countersign.contents (digest, wrapped_key, nonce, sealed)
      values (md5(random()::text) || md5(random()::text), 'k', decode(repeat('00', 12), 'hex'), decode(repeat('00', 16), 'hex'))`;

    it.each([
      ['gateway', true],
      ['worker', true],
      ['executor', false],
      // What it archives.
      ['notary', true],
    ] as const)('the %s may put: %s', async (process, may) => {
      const put = processes[process].pool.query(insert);
      await (may
        ? expect(put).resolves.toMatchObject({ rowCount: 1 })
        : expect(put).rejects.toMatchObject({ code: '42501' }));
    });

    it.each(
      PROCESSES.flatMap((process) =>
        [
          "update countersign.contents set wrapped_key = 'x'",
          'delete from countersign.contents',
          'truncate countersign.contents',
        ].map((sql) => [process, sql] as const),
      ),
    )('the %s may not: %s', async (process, sql) => {
      await expect(processes[process].pool.query(sql)).rejects.toMatchObject({ code: '42501' });
    });

    it('only the gateway says what was attached', async () => {
      const sql = `insert into countersign.statements (kind, action_id, digest, process, number, previous, envelope)
        values ('attachment', repeat('0', 26), repeat('0', 64), $1, 999999, repeat('0', 64), '{}')`;
      for (const process of ['worker', 'executor', 'notary'] as const) {
        await expect(processes[process].pool.query(sql, [process])).rejects.toMatchObject({ code: '42501' });
      }
    });
  });
});
