import { beforeAll, describe, expect, it } from 'vitest';
import { readDefinitions } from '../../src/operations/database-export/definitions.js';
import { errorOf, paramsOf, useExportHarness } from './export-harness.js';

const harness = useExportHarness();

// One of each kind of relation, and of each thing that decides what reading it means.
const SCHEMA = `
  CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO orders_reader;
  CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
  CREATE TABLE computed (id int, gone int, d int GENERATED ALWAYS AS (twice(id)) STORED, v int GENERATED ALWAYS AS (id + 1) VIRTUAL, c text COLLATE "C", a varchar(7)[]);
  ALTER TABLE computed DROP COLUMN gone;
  CREATE TABLE guarded (id int, who text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY b ON guarded USING (twice(id) > 0); CREATE POLICY a ON guarded AS RESTRICTIVE FOR SELECT TO orders_reader USING (who <> '');
  CREATE TABLE bare (); CREATE TABLE odd ("constructor" int, "__proto__" int GENERATED ALWAYS AS (1) VIRTUAL, "toString" text);
  CREATE TABLE parent (id int, x numeric(5, 2)); CREATE TABLE child (y int) INHERITS (parent); CREATE TABLE grandchild () INHERITS (child);
  CREATE TABLE log (id int); CREATE TABLE ruled (id int) WITH (fillfactor = 70);
  CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO log VALUES (new.id);
  CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (id);
  CREATE TABLE events_2026_a PARTITION OF events_2026 FOR VALUES IN (1, 2);
  CREATE MATERIALIZED VIEW kept AS SELECT id, twice(id) AS t FROM computed;
  CREATE VIEW lower_view (id) WITH (security_barrier) AS SELECT id FROM guarded UNION SELECT id FROM events UNION SELECT id FROM parent;
  CREATE VIEW other.upper_view AS SELECT id FROM public.lower_view;
  CREATE TABLE other.orders (id int, x int);
  CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER far FOREIGN DATA WRAPPER elsewhere OPTIONS (host 'far.example');
  CREATE FOREIGN TABLE remote (id int) SERVER far OPTIONS (path 'a');
  GRANT SELECT ON ALL TABLES IN SCHEMA public, other TO orders_reader;`;

beforeAll(async () => {
  await harness.shop.asOwner(SCHEMA);
});

describe('the definitions', () => {
  // An action that waits while Countersign is upgraded is reviewed again when the digest of the same definitions changes.
  it.each([
    ['a table', ['customers'], 'customers', '377fb9f0e85fa2e99a7c8e21f67da9238d03cb133b13e507cf31614d301b1879'],
    [
      'a table named twice',
      ['orders', 'public.orders', 'other.orders'],
      'orders, orders',
      '57b1addec96c554539426e6fa4c67c5334d203024c90fd64d64ba243286b1493',
    ],
    ['no relation', ['of_a_with_query'], '', 'add8a16fe5cae72004e8069209527c3d32b8635593ff99d9131784fca465ca56'],
    ['generated columns', ['computed'], 'computed', '3735922c97ebcee1a5e370780271fc6bc0c15ed43635e4a61a1dbb6160338186'],
    ['row security', ['guarded'], 'guarded', '583bf3bce3239ebe0a546dc4cce167c03180f54eb0687edecb80ed00f991c8db'],
    [
      'columns named like parts of every object',
      ['odd'],
      'odd',
      '3a43a5506d6ff3e69427d5761b3907767bcd79bf92f5cdce7aa1f0b24760b29d',
    ],
    ['no column', ['bare'], 'bare', '58f7485cc3f9a3b5eb358a18816467f417b01da50c88eb22d8fc09e592e7325a'],
    [
      'children',
      ['parent'],
      'child, grandchild, parent',
      '7c0898034c1c1a8be233be82a812d35456a97c96428b27e964d4478ca0fe806a',
    ],
    ['a rule', ['ruled'], 'log, ruled', 'e3e18473fb16c2b87442cbd8713c5fbe7cd0c27b5ded47adc24660c9bec51be2'],
    [
      'partitions',
      ['events'],
      'events, events_2026, events_2026_a',
      '13b4163c7090b075d07aa276b736d97d02852a85cc7ed219f86a2c1a024fe8c4',
    ],
    [
      'a partition',
      ['events_2026_a'],
      'events_2026_a',
      'c88dc6410d0ad9f0d571bc4703817d0058e5048b198134885af20b72585849cb',
    ],
    [
      'a materialised view',
      ['kept'],
      'computed, kept',
      '5cb988761ad93a03ed21fdd404a279b8ca3f4b0b6a64c18d1db586657e48727f',
    ],
    [
      'a view over a view',
      ['other.upper_view'],
      'upper_view, child, events, events_2026, events_2026_a, grandchild, guarded, lower_view, parent',
      '8e5169d52f0f849f744e445ee9504e38ac088ec89b27bbe33aa776248ac93264',
    ],
    ['a foreign table', ['remote'], 'remote', '994632554cfd088561d9b00c2aba4fab74ed072064a41b624afad68efd8e138d'],
  ])('of %s are these, by the digest they always had', async (_, names, relations, digest) => {
    const { credential } = await harness.lease();
    const client = await harness.shop.connectAs(credential);
    try {
      const found = await readDefinitions(client, names.map(nameOf), []);
      expect([found.relations.map(({ name }) => name).join(', '), found.digest]).toEqual([relations, digest]);
    } finally {
      await client.end();
    }
  });

  it.each([
    [
      'the text of a view below',
      'other.upper_view',
      'CREATE OR REPLACE VIEW lower_view (id) WITH (security_barrier) AS SELECT id FROM guarded',
    ],
    ['a partition', 'events', 'CREATE TABLE events_rest PARTITION OF events DEFAULT'],
    [
      'the bounds of a partition',
      'events_2026_a',
      'ALTER TABLE events_2026 DETACH PARTITION events_2026_a; ALTER TABLE events_2026 ATTACH PARTITION events_2026_a FOR VALUES IN (1, 2, 3)',
    ],
    ['a child of a child', 'parent', 'CREATE TABLE late () INHERITS (grandchild)'],
    ['the first child', 'log', 'CREATE TABLE late () INHERITS (log)'],
    ['a generated column', 'computed', 'ALTER TABLE computed ALTER COLUMN v SET EXPRESSION AS (id + 2)'],
    [
      'a function of a generated column',
      'computed',
      "CREATE OR REPLACE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 3'",
    ],
    ['a policy', 'guarded', 'ALTER POLICY a ON guarded USING (true)'],
    ['the first policy', 'log', 'ALTER TABLE log ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON log USING (id > 1)'],
    [
      'a function of a policy behind a view',
      'lower_view',
      "CREATE OR REPLACE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 3'",
    ],
    ['where a foreign table lies', 'remote', "ALTER FOREIGN TABLE remote OPTIONS (SET path 'b')"],
  ])('are others when %s changes', async (_, name, change) => {
    const digestIn = async (before: string): Promise<string> => {
      const client = await harness.shop.connectAsOwner();
      try {
        await client.query(`BEGIN; ${before}`);
        return (await readDefinitions(client, [nameOf(name)], [])).digest;
      } finally {
        await client.end(); // rolls back
      }
    };
    expect(await digestIn(change)).not.toBe(await digestIn(''));
  });
});

describe("a target's own casts", () => {
  it.each([
    ['is refused while one runs with its owner’s rights', 'SECURITY DEFINER', /SECURITY DEFINER cast \(pair to text\)/],
    ['runs while none does', '', null],
  ])('a query %s', async (_, rights, because) => {
    await harness.shop.asOwner(
      `CREATE FUNCTION shown(pair) RETURNS text IMMUTABLE ${rights} LANGUAGE sql AS $$ SELECT 'x' $$; CREATE CAST (pair AS text) WITH FUNCTION shown(pair)`,
    );
    try {
      const preview = harness.preview(paramsOf('SELECT id FROM orders WHERE id > 1'));
      if (because === null) await preview;
      else
        expect(await errorOf(preview)).toMatchObject({
          code: 'query_forbidden',
          message: expect.stringMatching(because) as string,
        });
    } finally {
      await harness.shop.asOwner('DROP FUNCTION shown(pair) CASCADE');
    }
  });
});

function nameOf(text: string): { schema: string | null; name: string } {
  const [first = '', second] = text.split('.');
  return second === undefined ? { schema: null, name: first } : { schema: first, name: second };
}
