import { readdir } from 'node:fs/promises';
import pg from 'pg';
import { operation } from '../../../src/operations/database-export.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import type { DatabaseLogin } from '../../../src/vault/credentials/database.js';
import type { TestInstallation } from '../../support/installation.js';
import { AT_WORK, MOMENT_CASES } from '../moment-cases.js';
import type { StartedSubject, Subject } from '../subject.js';

const PARAMS = { target: 'orders', query: 'select order_id, sku from order_lines where quantity > 0', format: 'csv' };
const ALL_CUSTOMERS = { ...PARAMS, query: 'select * from customers' };

export const subject: Subject = {
  operation,
  start: async (installation) => startOrders(installation),
};

function startOrders(installation: TestInstallation): StartedSubject {
  const [target] = installation.targets;
  if (target === undefined) throw new Error('the installation has no target');
  return {
    target,
    params: PARAMS,
    badParams: [
      { name: 'an unknown field', params: { ...PARAMS, limit: 10 }, field: 'params.limit' },
      { name: 'no query', params: { target: 'orders', format: 'csv' }, field: 'params.query' },
      { name: 'a format that there is not', params: { ...PARAMS, format: 'xlsx' }, field: 'params.format' },
      { name: 'no row at all', params: { ...PARAMS, maxRows: 0 }, field: 'params.maxRows' },
      { name: 'a statement that writes', params: { ...PARAMS, query: 'delete from orders' }, field: 'params.query' },
      { name: 'two statements', params: { ...PARAMS, query: 'select 1; select 2' }, field: 'params.query' },
    ],
    flagCases: [
      {
        name: 'a filtered query at work',
        nowMs: AT_WORK,
        flags: ['production'],
        not: ['no_where', 'personal_data', 'unusual_hour', 'first_time'],
      },
      { name: 'all customers', params: ALL_CUSTOMERS, flags: ['personal_data', 'no_where', 'select_star'] },
      ...MOMENT_CASES,
    ],
    snapshotTarget: () =>
      installation.inTarget(async (client) => {
        const { rows } = await client.query<{ rows: string; schema: string }>(
          `select (select md5(string_agg(l::text, ',' order by order_id, line_number)) from order_lines l) as rows,
                  (select md5(string_agg(attrelid::regclass || attname || atttypid::text, ',' order by attrelid, attnum))
                     from pg_attribute where attnum > 0 and attrelid in ('order_lines'::regclass, 'customers'::regclass)) as schema`,
        );
        return rows[0] ?? null;
      }),
    async changeWhatDecides() {
      await installation.inTarget((client) =>
        client.query('alter table order_lines alter column sku type varchar(20)'),
      );
    },
    async changeElsewhere() {
      await installation.inTarget((client) => client.query('alter table customers add column nickname text'));
    },
    async reset() {
      await installation.inTarget(async (client) => {
        await client.query('alter table customers drop column if exists nickname');
        await client.query('alter table order_lines alter column sku type text');
        await client.query('analyze');
      });
    },
    async countEffects({ actionId, artefactsDir }) {
      return (await readdir(artefactsDir)).filter((name) => name === `${actionId}.csv`).length;
    },
    useCredential: (credential) => logIn(installation, credential as LeasedCredential<DatabaseLogin>),
    stop: async () => undefined,
  };
}

async function logIn(
  { targets }: TestInstallation,
  { username, material }: LeasedCredential<DatabaseLogin>,
): Promise<void> {
  const [target] = targets;
  const { host, port, database } = target ?? {};
  const client = new pg.Client({ host, port, database, user: username, password: material.password.reveal() });
  client.on('error', () => undefined); // reported by what fails
  try {
    await client.connect();
    await client.query('select count(*) from orders');
  } finally {
    await client.end().catch(() => undefined);
  }
}
