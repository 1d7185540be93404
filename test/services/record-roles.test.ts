import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { newActionId } from '../support/signing.js';

const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];

describe('what the roles of the processes must be refused in the record', () => {
  let installation: TestInstallation;
  let processes: Record<ProcessName, TestProcess>;

  beforeAll(async () => {
    installation = await installForTest();
    processes = await becomeAll(installation);
    await processes.executor.claims.insertLease({
      ...{ accessor: randomUUID(), actionId: newActionId(), step: 'run', purpose: 'execute', target: 'orders' },
      ...{ tokenRole: 'some-role', runId: 'run-1', leasedAtMs: 1_795_000_000_000, ttlSeconds: 60 },
    });
  });
  afterAll(() => installation.close());

  const lease = (purpose: string) =>
    `insert into countersign.leases values ('${randomUUID()}', '${newActionId()}', 's', '${purpose}', 'orders', 'r', 'run', 1, 1)`;
  const statement = (process: string | null, kind: string) =>
    `insert into countersign.statements (kind, action_id, digest, process, number, previous, envelope)
     values ('${kind}', '${newActionId()}', md5(random()::text) || md5(random()::text), ${process === null ? 'null, null, null' : `'${process}', 777777, repeat('0', 64)`}, '{}')`;
  const claim = () =>
    `insert into countersign.claims (action_id, step, attempt, run_id) values ('${newActionId()}', 's', 1, 'run')`;
  const effect = () => `insert into countersign.effects (action_id, step, attempt) values ('${newActionId()}', 's', 1)`;
  const closure = () => `insert into countersign.lease_closures select accessor, 1 from countersign.leases limit 1`;

  const refused: [ProcessName, string, () => string][] = [
    ['gateway', 'claim', claim],
    ['gateway', 'begin an effect', effect],
    ['gateway', 'lease', () => lease('execute')],
    ['gateway', 'close a lease', closure],
    ['gateway', 'speak as the worker', () => statement('worker', 'preview')],
    ['gateway', 'sign a receipt', () => statement('gateway', 'receipt')],
    ['worker', 'claim', claim],
    ['worker', 'begin an effect', effect],
    ['worker', 'lease for execution', () => lease('execute')],
    ['worker', 'close a lease', closure],
    ['worker', 'decide', () => statement('worker', 'decision')],
    ['worker', 'speak as the gateway', () => statement('gateway', 'decision')],
    ['worker', 'open an incident about anything but a lease', () => statement('worker', 'incident')],
    ['executor', 'lease for preview', () => lease('preview')],
    ['executor', 'close a lease', closure],
    [
      'executor',
      'admit a request',
      () =>
        `insert into countersign.requests (action_id, agent, digest) values ('${newActionId()}', 'a', repeat('0', 64))`,
    ],
    ['executor', 'write a request', () => statement(null, 'request')],
    ['executor', 'decide', () => statement('executor', 'decision')],
    ['executor', 'speak as the gateway', () => statement('gateway', 'decision')],
    ['notary', 'claim', claim],
    ['notary', 'begin an effect', effect],
    ['notary', 'lease', () => lease('execute')],
    ['notary', 'write a result', () => statement('notary', 'result')],
    ['notary', 'speak as the executor', () => statement('executor', 'result')],
    // Of a kind that each of them may write: only the name is false.
    ...PROCESSES.flatMap((process) =>
      PROCESSES.filter((other) => other !== process).map((other): [ProcessName, string, () => string] => [
        process,
        `write a refusal in the name of the ${other}`,
        () => statement(other, 'refusal'),
      ]),
    ),
    ...PROCESSES.flatMap((process): [ProcessName, string, () => string][] =>
      [
        ['statements', 'requests', 'claims', 'effects', 'leases', 'lease_credentials', 'lease_closures'].map(
          (table): [ProcessName, string, () => string] => [
            process,
            `delete from ${table}`,
            () => `delete from countersign.${table}`,
          ],
        ),
        [
          [process, 'update a statement', () => "update countersign.statements set envelope = ''"] as [
            ProcessName,
            string,
            () => string,
          ],
          [process, 'truncate', () => 'truncate countersign.statements'] as [ProcessName, string, () => string],
          [
            process,
            'choose a time',
            () =>
              "insert into countersign.statements (kind, digest, envelope, recorded_at_ms) values ('refusal', repeat('0', 64), '', 1)",
          ] as [ProcessName, string, () => string],
          [process, 'switch off the triggers', () => 'set session_replication_role = replica'] as [
            ProcessName,
            string,
            () => string,
          ],
          [process, 'create a table', () => 'create table countersign.mine (id int)'] as [
            ProcessName,
            string,
            () => string,
          ],
          [process, 'edit the migrations', () => 'delete from countersign.migrations'] as [
            ProcessName,
            string,
            () => string,
          ],
        ],
      ].flat(),
    ),
  ];
  it.each(refused)('%s may not %s', async (process, _, sql) => {
    await expect(processes[process].pool.query(sql())).rejects.toMatchObject({ code: '42501' });
  });

  it('even the owner of the tables cannot change a row without first removing the guard', async () => {
    await installation.inRecord(async (client) => {
      for (const change of [
        'update countersign.leases set ttl_seconds = 1',
        'delete from countersign.leases',
        'truncate countersign.leases cascade',
      ]) {
        await expect(client.query(change)).rejects.toThrow(/append-only/);
      }
    });
  });

  it('a login of one process opens no other database of the server', async () => {
    const [target] = installation.targets;
    const url = new URL(installation.recordUrls.executor.reveal());
    await expect(
      (async () => {
        const { default: pg } = await import('pg');
        url.pathname = `/${target?.database ?? ''}`;
        const client = new pg.Client({ connectionString: url.href });
        await client.connect();
      })(),
    ).rejects.toMatchObject({ code: '42501' });
  });
});
