import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ulid } from 'ulid';
import { describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../src/core/json.js';
import type { Preview } from '../../src/core/schemas/action.js';
import { createWitnessWith } from '../../src/targets/postgres/witness.js';
import { endedOf, errorOf, paramsOf, useExportHarness } from './export-harness.js';

const ENDLESS = 'SELECT a FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a + b < 0';
const harness = useExportHarness();

describe('execute', () => {
  it('writes a CSV file that appears complete, with its digest', async () => {
    const begun: Preview[] = [];
    const params = paramsOf('SELECT id, name, email, joined FROM customers WHERE id < $1 AND $2::bool ORDER BY id', {
      parameters: [3, true],
    });
    const { actionId, result } = await harness.execute(params, {
      beginEffect: async (now) => {
        begun.push(now.preview);
        expect(await readdir(harness.artefactsDir)).toEqual([]);
      },
    });
    const expected = 'id,name,email,joined\r\n1,Ada,ada@example.org,2020-01-01\r\n2,"Bob, ""Jr""","",\r\n';
    const file = await readFile(join(harness.artefactsDir, `${actionId}.csv`));
    expect(file.toString()).toBe(expected);
    expect(result).toMatchObject({
      file: `${actionId}.csv`,
      rows: 2,
      bytes: file.length,
      format: 'csv',
      sha256: createHash('sha256').update(expected).digest('hex'),
    });
    expect(((await stat(join(harness.artefactsDir, `${actionId}.csv`))).mode & 0o777).toString(8)).toBe('600');
    expect((await readdir(harness.artefactsDir)).sort()).toEqual([`${actionId}.csv`, `${actionId}.json`]);
    expect(begun.map(({ fingerprint }) => fingerprint)).toEqual([(await harness.preview(params)).preview.fingerprint]);
    expect(await harness.findOutcome(actionId)).toEqual({
      kind: 'done',
      result,
    });
  });

  it('writes NDJSON with values by type', async () => {
    const { actionId } = await harness.execute(
      paramsOf(
        'SELECT id, total, note, tags, status, placed_at, total > 2 AS dear, customer_id FROM orders WHERE id IN (1, 2) ORDER BY id',
        { format: 'ndjson' },
      ),
    );
    const lines = (await readFile(join(harness.artefactsDir, `${actionId}.ndjson`), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const common = { tags: { n: 1 }, status: 'open', placed_at: '2026-01-01 08:00:00+00' };
    expect(lines).toEqual([
      { ...common, id: '1', total: '1.10', note: null, dear: false, customer_id: 2 },
      { ...common, id: '2', total: '2.20', note: 'a,b', dear: true, customer_id: 1 },
    ]);
  });

  it.each([
    ['exactly maxRows', 1_000, true],
    ['one more', 999, false],
  ])('%s', async (_, maxRows, succeeds) => {
    const params = paramsOf('SELECT id FROM orders', { maxRows });
    if (succeeds) expect((await harness.execute(params)).result['rows']).toBe(1_000);
    else expect((await errorOf(harness.execute(params))).message).toContain('more than 999 rows');
    expect(await readdir(harness.artefactsDir)).toHaveLength(succeeds ? 2 : 0);
  });
});

describe('the start of the effect', () => {
  it('reads nothing when the effect may not begin', async () => {
    const stop = new Error('the target changed');
    expect(
      await errorOf(harness.execute(paramsOf('SELECT id FROM orders'), { beginEffect: () => Promise.reject(stop) })),
    ).toBe(stop);
    expect(await readdir(harness.artefactsDir)).toEqual([]);
  });

  it('holds off a change of the definitions between the comparison and the read', async () => {
    const beginEffect = async (): Promise<void> => {
      await harness.shop.asOwner("SET lock_timeout = '200ms'");
      const error = await errorOf(
        harness.shop.asOwner('CREATE OR REPLACE VIEW order_emails AS SELECT id, total, note AS contact FROM orders'),
      );
      await harness.shop.asOwner('RESET lock_timeout');
      expect(error).toMatchObject({ code: '55P03' });
    };
    expect(
      (await harness.execute(paramsOf('SELECT contact FROM order_emails WHERE id < 3'), { beginEffect })).result[
        'rows'
      ],
    ).toBe(2);
  });

  it('fails without quoting data', async () => {
    const error = await errorOf(harness.execute(paramsOf('SELECT email::int FROM customers WHERE id = 1')));
    expect(error).toMatchObject({ name: 'ServiceFault', service: 'target' });
    expect(error.message).toContain('22P02');
    expect(error.message).not.toContain('ada@');
    expect(await readdir(harness.artefactsDir)).toEqual([]);
  });

  it('does not run as a superuser, even when the lease names one', async () => {
    const issued = await harness.lease();
    await harness.shop.asOwner(`ALTER ROLE "${issued.credential.username}" SUPERUSER`);
    try {
      const error = await errorOf(harness.execute(paramsOf('SELECT id FROM orders'), { lease: issued }));
      expect(error).toMatchObject({ name: 'ServiceFault', message: expect.stringContaining('superuser') as string });
    } finally {
      await harness.shop.asOwner(`ALTER ROLE "${issued.credential.username}" NOSUPERUSER`);
    }
  });

  it('takes a million rows through little more memory than ten thousand', async () => {
    await harness.shop.asOwner(
      'CREATE TABLE many AS SELECT i AS id, repeat(md5(i::text), 3) AS a, now() AS b, i * 0.5 AS c FROM generate_series(1, 1000000) i; GRANT SELECT ON many TO orders_reader; ANALYZE many',
    );
    const peakOf = async (rows: number): Promise<{ peakBytes: number; bytes: number }> => {
      const { actionId, credential } = await harness.lease();
      const { result, peakBytes } = await runInChild({
        actionId,
        artefactsDir: harness.artefactsDir,
        target: harness.shop.target,
        params: paramsOf(`SELECT * FROM many WHERE id <= ${String(rows)}`),
        credential: { ...credential, material: { password: credential.material.password.reveal() } },
      });
      const bytes = (await stat(join(harness.artefactsDir, `${actionId}.csv`))).size;
      expect(result).toMatchObject({ rows, bytes });
      return { peakBytes, bytes };
    };
    // Node and the parsers take some 145 MB, by Node's version; what the whole executor takes: test/e2e/export-memory.test.ts.
    const [few, many] = [await peakOf(10_000), await peakOf(1_000_000)];
    expect(many.peakBytes - few.peakBytes).toBeLessThan(many.bytes / 2);
    expect(many.peakBytes).toBeLessThan(200_000_000);
  });
});

// The compiled operation in a process of its own: the test runner's memory would drown what is measured.
async function runInChild(input: unknown): Promise<{ result: JsonObject; peakBytes: number }> {
  const child = execFile(process.execPath, [join(import.meta.dirname, 'export-child.mjs')], { maxBuffer: 1_000_000 });
  const output = Promise.all([child.stdout, child.stderr].map(async (stream) => (stream === null ? '' : text(stream))));
  child.stdin?.end(JSON.stringify(input));
  const [stdout = '', stderr = ''] = await output;
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { result: JsonObject; peakBytes: number };
}

describe('an export that is ended', () => {
  const running = async (username: string): Promise<void> => {
    await vi.waitUntil(
      async () => {
        const rows = await harness.shop.asOwner(
          "SELECT 1 FROM pg_stat_activity WHERE usename = $1 AND state = 'active' AND query LIKE 'SELECT a FROM%'",
          [username],
        );
        return rows.length > 0;
      },
      { timeout: 10_000, interval: 20 },
    );
  };
  const gone = async (username: string): Promise<void> => {
    await vi.waitUntil(
      async () =>
        (await harness.shop.asOwner('SELECT 1 FROM pg_stat_activity WHERE usename = $1', [username])).length === 0,
      { timeout: 10_000, interval: 20 },
    );
  };

  it('by revocation in the middle of the query: it fails, nothing is left, the witness proves it', async () => {
    const issued = await harness.lease();
    const failed = errorOf(harness.execute(paramsOf(ENDLESS), { lease: issued }));
    await running(issued.credential.username);
    await issued.revoke();
    expect((await failed).message).toContain('57P01');
    expect(await readdir(harness.artefactsDir)).toEqual([]);
    const proofs = await (await harness.witness())(issued.actionId, issued.credential.username);
    expect(proofs.map(({ answer }) => answer)).toEqual(['0 rows', '0 rows']);
  });

  it('by its signal: the query ends at the server too', async () => {
    const issued = await harness.lease();
    const stop = new AbortController();
    const failed = errorOf(harness.execute(paramsOf(ENDLESS), { lease: issued, signal: stop.signal }));
    await running(issued.credential.username);
    stop.abort(new Error('cancelled'));
    expect(await failed).toMatchObject({ name: 'ServiceFault', message: expect.stringContaining('stopped') as string });
    await gone(issued.credential.username);
    expect(await readdir(harness.artefactsDir)).toEqual([]);
  });
});

describe('the witness', () => {
  it('does not prove while the user is there, known by name or by action id', async () => {
    const issued = await harness.lease();
    const asks = await harness.witness();
    for (const username of [issued.credential.username, null]) {
      expect(await errorOf(asks(issued.actionId, username))).toMatchObject({
        name: 'ServiceFault',
        temporary: true,
        message: expect.stringContaining('still knows') as string,
      });
    }
    await issued.revoke();
    expect(await asks(issued.actionId, null)).toHaveLength(2);
  });

  it('sees the session of a user that was dropped without ending it', async () => {
    const issued = await harness.lease();
    const client = await harness.shop.connectAs(issued.credential);
    const asks = await harness.witness();
    await harness.shop.asOwner(`DROP ROLE "${issued.credential.username}"`);
    try {
      expect((await errorOf(asks(issued.actionId, issued.credential.username))).message).toContain(
        'still has sessions',
      );
    } finally {
      await client.end();
    }
    await vi.waitUntil(
      () =>
        asks(issued.actionId, null).then(
          () => true,
          () => false,
        ),
      { timeout: 5_000, interval: 20 },
    );
  });

  describe('at the session of a dropped user whose action nobody can tell', () => {
    const MINUTE_MS = 60_000;
    it.each<[what: string, actionAfterMs: number, provenNow: boolean, seesTimes: boolean]>([
      ['that began after the action: it may be its own', -MINUTE_MS, false, true],
      ['that began before it, within what clocks may differ', MINUTE_MS, false, true],
      ['that began well before it: a stranger’s', 3 * MINUTE_MS, true, true],
      ['whose beginning it may not see: it counts', 3 * MINUTE_MS, false, false],
    ])('%s', async (_what, actionAfterMs, provenNow, seesTimes) => {
      const stranger = await harness.lease();
      const session = await harness.shop.connectAs(stranger.credential);
      const beganAtMs = Date.now();
      const asks = await harness.witness();
      await harness.shop.asOwner(`DROP ROLE "${stranger.credential.username}"`);
      if (!seesTimes) await harness.shop.asOwner('REVOKE pg_read_all_stats FROM orders_witness');
      try {
        const proof = asks(ulid(beganAtMs + actionAfterMs), null);
        if (provenNow) expect((await proof).map(({ answer }) => answer)).toEqual(['0 rows', '0 rows']);
        else expect((await errorOf(proof)).message).toContain('still has sessions');
      } finally {
        if (!seesTimes) await harness.shop.asOwner('GRANT pg_read_all_stats TO orders_witness');
        await session.end();
      }
    });
  });

  it('does not prove what it cannot ask', async () => {
    const { actionId } = await harness.lease();
    const { credential } = await harness.lease('witness');
    const { username, material } = credential;
    const deaf = createWitnessWith({ login: async () => ({ username, password: material.password }) });
    expect(await errorOf(deaf.proveGone(endedOf({ ...harness.shop.target, port: 1 }, actionId, null)))).toMatchObject({
      name: 'ServiceFault',
      temporary: true,
    });
  });
});

describe('the outcome after a crash', () => {
  it('is unknown, and the rest of the file is removed', async () => {
    const { actionId } = await harness.lease();
    await writeFile(join(harness.artefactsDir, `${actionId}.csv.partial`), 'id\r\n1');
    expect(await harness.findOutcome(actionId)).toMatchObject({
      kind: 'unknown',
    });
    expect(await readdir(harness.artefactsDir)).toEqual([]);
  });

  it('is unknown when the file is not the one of the manifest', async () => {
    const { actionId } = await harness.execute(paramsOf('SELECT id FROM orders'));
    await writeFile(join(harness.artefactsDir, `${actionId}.csv`), 'id\r\n');
    expect(await harness.findOutcome(actionId)).toMatchObject({
      kind: 'unknown',
    });
    expect(await readdir(harness.artefactsDir)).toEqual([]);
  });
});
