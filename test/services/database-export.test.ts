import { describe, expect, it } from 'vitest';
import { flagSchema, previewSchema } from '../../src/core/schemas/action.js';
import { errorOf, paramsOf, useExportHarness } from './export-harness.js';

const harness = useExportHarness();

describe('preview', () => {
  it('tells tables, columns, shape and estimate, and no value', async () => {
    const { preview: shown, flags } = await harness.preview(
      paramsOf('SELECT id, upper(email) AS mail FROM customers WHERE id < $1 AND email <> $2', {
        parameters: [5, 'x\u202ey'],
      }),
    );
    const facts = Object.fromEntries(shown.facts.map(({ label, value }) => [label, value]));
    expect(previewSchema.safeParse(shown).success).toBe(true);
    expect(facts['Tables and columns read']).toBe('public.customers: id, email');
    expect(facts['Columns of the file']).toBe('id integer, mail text');
    expect(shown.content.text).toContain('-- $1 = 5\n-- $2 = "x\\u202ey"');
    expect(shown.estimate['rows']).toBeGreaterThan(0);
    expect(JSON.stringify(shown)).not.toContain('ada@');
    expect(flags.map(({ code }) => code)).toEqual(['personal_data', 'production']);
    for (const flag of flags) expect(flagSchema.safeParse(flag).success).toBe(true);
  });

  it.each([
    ['a whole table', 'SELECT * FROM customers', ['customers.email', 'customers.joined']],
    ['a whole row', 'SELECT row_to_json(c) AS j FROM customers c WHERE id = 1', ['customers.email']],
    ['renamed columns', 'SELECT x FROM customers AS c(a, b, x, d) WHERE a = 1', ['customers.email']],
    ['a view', 'SELECT contact FROM order_emails WHERE id = 1', ['customers.email']],
    ['a star of a nested query', 'SELECT * FROM (SELECT email FROM customers WHERE id = 1) s', ['customers.email']],
    [
      'a shadowed table',
      'SELECT email FROM customers WHERE id = 1 AND EXISTS (WITH customers AS (SELECT 1 AS one) SELECT one FROM customers)',
      ['customers.email'],
    ],
    ['a condition only', "SELECT id FROM customers WHERE email = 'a'", ['customers.email']],
    ['a column named like a comment', 'SELECT joined FROM customers WHERE id = 1', ['customers.joined']],
  ])('finds personal data behind %s', async (_, query, columns) => {
    const { flags } = await harness.preview(paramsOf(query));
    const sentence = flags.find(({ code }) => code === 'personal_data')?.sentence;
    for (const column of columns) expect(sentence).toContain(column);
  });

  it('does not flag personal columns that are not read', async () => {
    const { flags } = await harness.preview(paramsOf('SELECT count(*) FROM customers WHERE id > 0'));
    expect(flags.map(({ code }) => code)).toEqual(['production']);
  });
});

describe('the fingerprint', () => {
  it.each([
    [
      'a view',
      'CREATE OR REPLACE VIEW order_emails AS SELECT o.id, o.total, c.name::text AS contact FROM orders o JOIN customers c ON c.id = o.customer_id',
      'CREATE OR REPLACE VIEW order_emails AS SELECT o.id, o.total, c.email AS contact FROM orders o JOIN customers c ON c.id = o.customer_id',
    ],
    ['a child of a table behind a view', 'CREATE TABLE orders_old () INHERITS (orders)', 'DROP TABLE orders_old'],
    ['a table behind a view', 'ALTER TABLE customers ADD COLUMN extra int', 'ALTER TABLE customers DROP COLUMN extra'],
    [
      'row security',
      'CREATE POLICY p ON orders USING (id > 3); ALTER TABLE orders ENABLE ROW LEVEL SECURITY',
      'DROP POLICY p ON orders; ALTER TABLE orders DISABLE ROW LEVEL SECURITY',
    ],
    [
      'a function that is called',
      "CREATE OR REPLACE FUNCTION mask_email(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
      "CREATE OR REPLACE FUNCTION mask_email(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT regexp_replace($1, '^.*@', '***@') $$",
    ],
  ])('has another fingerprint when %s changes', async (_, change, undo) => {
    const params = paramsOf('SELECT mask_email(contact) AS m FROM order_emails WHERE id > 1');
    const before = await harness.preview(params);
    await harness.shop.asOwner(change);
    try {
      expect((await harness.preview(params)).preview.fingerprint).not.toBe(before.preview.fingerprint);
    } finally {
      await harness.shop.asOwner(undo);
    }
  });

  it('keeps its fingerprint when only rows change', async () => {
    const params = paramsOf('SELECT id FROM orders WHERE id > 1');
    const before = await harness.preview(params);
    await harness.shop.asOwner(
      'INSERT INTO orders (id) VALUES (100001); DELETE FROM orders WHERE id = 100001; ANALYZE orders',
    );
    expect((await harness.preview(params)).preview.fingerprint).toBe(before.preview.fingerprint);
  });
});

describe('the server wall', () => {
  it.each([
    ['a function of the target', 'SELECT mask_email(email) FROM customers', [], /mask_email is not on the list/],
    ['a SECURITY DEFINER function, listed', 'SELECT leak()', ['public.leak'], /leak is SECURITY DEFINER/],
    [
      'an overload of a built-in function',
      'SELECT lower(id) FROM customers',
      ['public.mask_email'],
      /public.lower could be called/,
    ],
    ['a function called like a field', 'SELECT c.leak_of FROM customers c', [], /public.leak_of could call it/],
    [
      'a SECURITY DEFINER operator',
      'SELECT name <<<< 1 FROM customers',
      [],
      /operator <<<< has a form that is SECURITY DEFINER/,
    ],
    ['a composite type', "SELECT '(1,2)'::pair FROM customers", [], /public.pair is neither/],
    ['a table without a grant', 'SELECT id FROM salaries', [], /42501.*permission denied for table salaries/],
    ['an unknown column', 'SELECT nothing FROM customers', [], /42703/],
    ['an unknown table', 'SELECT 1 FROM nowhere', [], /42P01/],
    ['no output', 'SELECT FROM customers', [], /no output columns/],
  ])('refuses %s', async (_, query, allowed, because) => {
    const error = await errorOf(harness.preview(paramsOf(query), allowed));
    expect(error).toMatchObject({ code: 'query_forbidden', field: 'params.query' });
    expect(error.message).toMatch(because);
  });

  it('refuses one name for two NDJSON values', async () => {
    const error = await errorOf(harness.preview(paramsOf('SELECT id, total AS id FROM orders', { format: 'ndjson' })));
    expect(error).toMatchObject({ code: 'query_forbidden', message: expect.stringContaining('named "id"') as string });
  });

  it.each([
    ["SELECT set_config('role', 'orders_reader', false)", '42501'],
    ["SELECT set_config('role', 'vault_admin', false)", '42501'],
    ['SET ROLE postgres', '42501'],
    ['INSERT INTO customers VALUES (9)', '25006'],
    ['SET TRANSACTION READ WRITE; DELETE FROM orders', '42501'],
    ['SET TRANSACTION READ WRITE; CREATE TABLE public.mine (a int)', '42501'],
    ['SET TRANSACTION READ WRITE; CREATE ROLE evil', '42501'],
    ['SELECT * FROM salaries', '42501'],
    ["SELECT pg_read_file('/etc/passwd')", '42501'],
    ['SELECT rolpassword FROM pg_authid', '42501'],
  ])('the leased user itself may not: %s', async (sql, code) => {
    const { credential } = await harness.lease();
    const client = await harness.shop.connectAs(credential);
    try {
      expect(await errorOf(client.query(sql))).toMatchObject({ code });
    } finally {
      await client.end();
    }
  });
});
