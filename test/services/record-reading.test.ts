import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { createRecordPool, query } from '../../src/record/postgres/pool.js';
import { countingReader } from '../support/counting-reader.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { newActionId } from '../support/signing.js';
import { recordRequest, refusalDraft } from '../support/statements.js';

describe('who reads the record', () => {
  let installation: TestInstallation;
  let gateway: TestProcess;
  let notary: TestProcess;

  beforeAll(async () => {
    installation = await installForTest();
    ({ gateway, notary } = await becomeAll(installation));
  });
  afterAll(() => installation.close());

  const freshRequest = () => recordRequest(gateway.record, installation.agent);

  it.each<[what: string, url: (own: URL) => void, sql: string, says: RegExp]>([
    ['a wrong password', (url) => (url.password = 'wrong'), '', /the login does not hold \(SQLSTATE 28P01\)/],
    ['a role that is not there', (url) => (url.username = 'nobody_here'), '', /SQLSTATE 28/],
    ['another database', (url) => (url.pathname = '/elsewhere'), '', /no such database \(SQLSTATE 3D000\)/],
    ['a closed port', (url) => (url.port = '1'), '', /cannot be reached \(ECONNREFUSED\)/],
    ['a missing right', () => undefined, 'delete from countersign.statements', /the right to do this is missing/],
    ['a table that is not there', () => undefined, 'select from countersign.elsewhere', /run the migrations/],
  ])(
    'is told of %s without host, role, database or table: the message enters histories',
    async (_, change, sql, says) => {
      const url = new URL(installation.recordUrls.gateway.reveal());
      change(url);
      const pool = createRecordPool({ url: new Secret(url.href) });
      const error: unknown = await query(pool, sql === '' ? 'select 1' : sql, []).catch((thrown: unknown) => thrown);
      await pool.end();
      expect(error).toMatchObject({ name: 'ServiceFault', service: 'record', cause: expect.any(Error) as Error });
      const { message } = error as ServiceFault;
      expect(message).toMatch(says);
      const own = [url.hostname, url.port, url.username, url.pathname.slice(1), 'statements', 'elsewhere'];
      expect(own.filter((name) => name.length > 1 && message.includes(name))).toEqual([]);
    },
  );

  it('reads several actions at once as one by one, in the order asked for, with one query for many', async () => {
    const requests = [await freshRequest(), await freshRequest(), await freshRequest()];
    await gateway.record.append(requests.map((request) => refusalDraft(request)));
    const ids = [...requests.map(({ actionId }) => actionId).reverse(), newActionId()];
    const reader = countingReader(installation, notary);
    const read = await reader.record.ofActions(ids);
    expect(reader.queries()).toBe(1);
    expect(read).toEqual(await Promise.all(ids.map((id) => notary.record.ofAction(id))));
    expect([read.at(-1), await reader.record.ofActions([])]).toEqual([[], []]);
    const kinds = (await reader.record.ofActions(ids, ['request'])).map(
      (all) => 'code' in all || all.map(({ kind }) => kind),
    );
    expect(kinds).toEqual([['request'], ['request'], ['request'], []]);
    expect(read[0]).toMatchObject([{ kind: 'request' }, { kind: 'refusal' }]);
  });
});
