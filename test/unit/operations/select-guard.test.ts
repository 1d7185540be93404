import { describe, expect, it } from 'vitest';
import { guardSelect } from '../../../src/operations/database-export/select-guard.js';

const ALLOWED_FUNCTIONS = ['public.mask_email', 'reports.quarter', 'pg_catalog.pg_ls_dir'];

interface Forbidden {
  query: string;
  because: RegExp;
  parameters?: number;
}

const FORBIDDEN: Forbidden[] = [
  { query: "SELECT pg_catalog.pg_ls_dir('/')", because: /function pg_catalog.pg_ls_dir/ },
  { query: 'SELECT 1; SELECT 2', because: /more than one statement/ },
  { query: 'SELECT 1; DROP TABLE orders', because: /more than one statement/ },
  { query: '', because: /cannot be empty/ },
  { query: '-- nothing', because: /no statement/ },
  { query: 'SELEC 1', because: /syntax error.*line 1, column 1/ },
  { query: 'SELECT a\nFROM', because: /syntax error at end of input/ },
  { query: 'DELETE FROM orders', because: /not a SELECT but DeleteStmt/ },
  { query: 'EXPLAIN ANALYZE SELECT 1', because: /not a SELECT but ExplainStmt/ },
  { query: 'COPY orders TO PROGRAM $$id$$', because: /not a SELECT but CopyStmt/ },
  { query: 'DO $$ BEGIN END $$', because: /not a SELECT but DoStmt/ },
  { query: 'CALL pay()', because: /not a SELECT but CallStmt/ },
  { query: 'SET ROLE admin', because: /not a SELECT but VariableSetStmt/ },
  { query: 'BEGIN', because: /not a SELECT but TransactionStmt/ },
  { query: 'SELECT * INTO copy FROM orders', because: /INTO would write/ },
  { query: 'WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d', because: /DELETE would write/ },
  {
    query: 'SELECT 1 FROM (WITH i AS (INSERT INTO a VALUES (1) RETURNING 1) SELECT * FROM i) s',
    because: /INSERT would write/,
  },
  {
    query: 'WITH a AS (WITH u AS (UPDATE t SET x = 1 RETURNING 1) SELECT * FROM u) SELECT * FROM a',
    because: /UPDATE would write/,
  },
  {
    query: 'WITH m AS (MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING 1) SELECT * FROM m',
    because: /MERGE would write/,
  },
  { query: 'SELECT * FROM orders FOR UPDATE', because: /would lock rows/ },
  { query: 'SELECT 1 FROM (SELECT * FROM orders FOR SHARE) s', because: /would lock rows/ },
  { query: 'SELECT pg_sleep(10)', because: /function pg_sleep is not on the list/ },
  { query: 'SELECT pg_catalog.pg_sleep(10)', because: /function pg_catalog.pg_sleep is not/ },
  { query: 'SELECT (10::float8).pg_sleep', because: /field of an expression/ },
  { query: "SELECT set_config('role', 'postgres', false)", because: /function set_config/ },
  { query: "SELECT current_setting('data_directory')", because: /function current_setting/ },
  { query: "SELECT pg_read_file('/etc/passwd')", because: /function pg_read_file/ },
  { query: "SELECT lo_export(1, '/tmp/x')", because: /function lo_export/ },
  { query: "SELECT * FROM dblink('host=evil', 'select 1') AS t(a int)", because: /function dblink/ },
  { query: "SELECT nextval('orders_id_seq')", because: /function nextval/ },
  { query: "SELECT query_to_xml('delete from orders', true, true, '')", because: /function query_to_xml/ },
  { query: "SELECT * FROM ts_stat('select 1')", because: /function ts_stat/ },
  { query: 'SELECT pg_advisory_lock(1)', because: /function pg_advisory_lock/ },
  { query: 'SELECT id FROM orders ORDER BY pg_terminate_backend(id)', because: /function pg_terminate_backend/ },
  { query: 'SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM orders', because: /function pg_sleep/ },
  { query: 'SELECT id FROM orders LIMIT (SELECT evil())', because: /function evil/ },
  { query: 'SELECT public.evil()', because: /function public.evil/ },
  { query: 'SELECT evil.upper(name) FROM customers', because: /function evil.upper/ },
  { query: 'SELECT pg_catalog.mask_email(name) FROM customers', because: /function pg_catalog.mask_email/ },
  { query: 'SELECT * FROM pg_authid', because: /system catalog pg_authid/ },
  { query: 'SELECT * FROM pg_catalog.pg_shadow', because: /system catalog pg_catalog.pg_shadow/ },
  { query: 'SELECT * FROM information_schema.tables', because: /system catalog information_schema/ },
  { query: 'SELECT id FROM orders WHERE id IN (SELECT oid::int FROM pg_class)', because: /pg_class|type oid/ },
  { query: 'TABLE pg_user', because: /system catalog pg_user/ },
  { query: 'SELECT * FROM other.public.orders', because: /another database/ },
  { query: 'SELECT 1 OPERATOR(public.+) 2', because: /operator public.\+ names a schema/ },
  { query: 'SELECT id FROM orders ORDER BY id USING OPERATOR(public.<)', because: /operator public.< names a schema/ },
  { query: "SELECT 'pg_authid'::regclass", because: /type regclass/ },
  { query: "SELECT '1'::pg_catalog.xid", because: /type xid/ },
  { query: 'SELECT current_user', because: /names of users/ },
  { query: 'SELECT session_user', because: /names of users/ },
  { query: 'SELECT xmlparse(document $$<a/>$$)', because: /not among what an export may use/ },
  { query: 'SELECT * FROM orders TABLESAMPLE evil(1)', because: /RangeTableSample is not among/ },
  { query: "SELECT '\u202Eabc' FROM orders", because: /U\+202E is invisible.*column 9/ },
  { query: 'SELECT id FROM orders --\u200b', because: /U\+200B is invisible/ },
  { query: 'SELECT 1\0', because: /U\+0000 is invisible/ },
];

const ALLOWED: { query: string; parameters?: number }[] = [
  { query: 'SELECT id, total FROM orders WHERE id = $1', parameters: 1 },
  { query: 'SELECT id FROM orders WHERE id BETWEEN $1 AND $2 OR id = $1;', parameters: 2 },
  { query: 'TABLE orders' },
  { query: "VALUES (1, 'a'), (2, 'b')" },
  {
    query:
      'WITH recent AS (SELECT * FROM orders WHERE placed_at > now() - interval $$1 day$$) SELECT count(*) FROM recent',
  },
  { query: 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i FROM n' },
  { query: "SELECT upper(name), pg_catalog.lower(name), coalesce(note, 'délicieux') FROM customers" },
  { query: 'SELECT mask_email(email), public.mask_email(email), reports.quarter(placed_at) FROM customers' },
  { query: 'SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id LEFT JOIN notes USING (id)' },
  { query: 'SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) FROM orders' },
  { query: 'SELECT id FROM a UNION ALL SELECT id FROM b EXCEPT SELECT id FROM c' },
  {
    query:
      'SELECT CASE WHEN id > 1 THEN (ARRAY[1, 2])[1] ELSE 0 END FROM orders WHERE EXISTS (SELECT 1 FROM customers)',
  },
  { query: 'SELECT extract(year FROM placed_at), current_date, placed_at AT TIME ZONE $$UTC$$ FROM orders' },
  { query: "SELECT trim(both ' ' from name), substring(name from 1 for 2), position('a' in name) FROM customers" },
  { query: "SELECT name FROM customers WHERE name ILIKE 'a%' AND name SIMILAR TO 'a|b' AND name IS DISTINCT FROM 'c'" },
  { query: "SELECT status::public.order_status, total::numeric(10, 2), data -> 'a' FROM orders" },
  {
    query:
      'SELECT region, sum(total) FROM orders GROUP BY ROLLUP (region) HAVING sum(total) > 1 ORDER BY 1 DESC NULLS LAST LIMIT 10',
  },
  { query: 'SELECT s.i FROM generate_series(1, 3) AS s(i), LATERAL (SELECT s.i AS j) l' },
  { query: 'SELECT name COLLATE "C", (1, 2) = ROW(1, 2) FROM customers\n\t-- a comment\r\n' },
];

async function refusal(query: string, parameters = 0): Promise<unknown> {
  return guardSelect(query, parameters, ALLOWED_FUNCTIONS).then(
    () => 'allowed',
    (error: unknown) => error,
  );
}

describe('the grammar wall of database.export', () => {
  it.each(FORBIDDEN)('refuses $query', async ({ query, because, parameters }) => {
    expect(await refusal(query, parameters)).toMatchObject({
      name: 'Refusal',
      code: 'query_forbidden',
      field: 'params.query',
      message: expect.stringMatching(because) as string,
    });
  });

  it.each(ALLOWED)('lets $query pass', async ({ query, parameters }) => {
    expect(await refusal(query, parameters)).toBe('allowed');
  });

  it.each([
    ['SELECT $1', 0, /uses \$1, the request gives 0/],
    ['SELECT 1', 1, /uses none, the request gives 1/],
    ['SELECT $2', 2, /uses \$2, the request gives 2/],
    ['SELECT $1, $3', 2, /uses \$1, \$3/],
    ['SELECT $0', 0, /parameters count from \$1/],
  ])('wants one value for each parameter: %s with %i', async (query, count, because) => {
    expect(await refusal(query, count)).toMatchObject({
      code: 'params_invalid',
      field: 'params.parameters',
      message: expect.stringMatching(because) as string,
    });
  });

  it('names the place in characters, also after letters of several bytes', async () => {
    expect(await refusal("SELECT 'é😀',\n 'ü', pg_sleep(1)")).toMatchObject({
      message: expect.stringContaining('(line 2, column 7)') as string,
    });
    expect(await refusal("SELECT 'é😀' x y")).toMatchObject({
      message: expect.stringContaining('(line 1, column 15)') as string,
    });
  });
});
