import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { vaultAdminStatements, witnessGroupStatements } from '../../../src/operations/database-export/vault-role.js';
import { grantAdminStatements } from '../../../src/operations/database-grant/vault-role.js';
import type { Names, TargetSpec } from './names.js';
import { asAdmin, createDatabase } from './postgres-admin.js';

const schema = `
  create table customers (
    id bigint primary key,
    name text not null,
    email text not null unique,
    phone text,
    country char(2) not null,
    created_at timestamptz not null
  );
  comment on table customers is 'People who buy from us';
  comment on column customers.name is 'PII: full name';
  comment on column customers.email is 'PII: e-mail address';
  comment on column customers.phone is 'PII: telephone';
  create table orders (
    id bigint primary key,
    customer_id bigint not null references customers,
    status text not null check (status in ('placed', 'paid', 'shipped', 'returned')),
    currency char(3) not null,
    total_cents bigint not null check (total_cents >= 0),
    placed_at timestamptz not null
  );
  create index on orders (customer_id);
  create index on orders (placed_at);
  create table order_lines (
    order_id bigint not null references orders,
    line_number smallint not null,
    sku text not null,
    quantity integer not null check (quantity > 0),
    unit_price_cents bigint not null check (unit_price_cents >= 0),
    primary key (order_id, line_number)
  );
  create view revenue_by_country as
    select c.country, o.currency, count(*) orders, sum(o.total_cents) total_cents
    from orders o join customers c on c.id = o.customer_id where o.status <> 'returned' group by c.country, o.currency;`;

// The same rows each time: what a test or a demo exports can be compared by digest.
const rows = `
  insert into customers select n,
    (array['Ada','Grace','Edsger','Barbara','Alan','Radia','Donald','Frances'])[1 + n % 8] || ' ' || (array['Abel','Berg','Cruz','Dale','Ekman','Fuchs'])[1 + n % 6],
    'customer' || n || '@example.com', case when n % 3 = 0 then null else '+49 30 ' || (1000000 + n) end,
    (array['DE','FR','US','JP','BR'])[1 + n % 5], timestamptz '2024-01-01 00:00:00+00' + n * interval '37 minutes'
  from generate_series(1, greatest(1, $1::bigint / 4)) n;`;
const orderRows = `
  insert into orders select n, 1 + n % greatest(1, $1::bigint / 4), (array['placed','paid','shipped','shipped','returned'])[1 + n % 5],
    (array['EUR','USD'])[1 + n % 2], 500 + (n * 7919) % 250000, timestamptz '2025-01-01 00:00:00+00' + n * interval '11 minutes'
  from generate_series(1, $1::bigint) n;`;
const orderLineRows = `
  insert into order_lines select o, l, 'SKU-' || lpad(((o * 31 + l) % 997)::text, 4, '0'), 1 + (o + l) % 4, 100 + (o * l * 53) % 9900
  from generate_series(1, $1::bigint) o, generate_series(1, 3) l;`;

/**
 * Makes a target: the orders of a shop and who owns them, a group role that may read them, one that may only see who is
 * logged in, one that grants for the owner, and Vault's login.
 * @returns the password of Vault's login; Vault replaces it at once, so that only Vault knows it.
 */
export async function installOrders(adminUrl: string, names: Names, spec: TargetSpec): Promise<string> {
  const vaultPassword = randomBytes(24).toString('base64url');
  const { database, reader, witness, owner, granter, grantViewer, vaultLogin } = names.target(spec.name);
  await createDatabase(adminUrl, database);
  await asAdmin(adminUrl, database, async (client) => {
    await client.query(schema);
    for (const insert of [rows, orderRows, orderLineRows]) await client.query(insert, [spec.orders]);
    await client.query('analyze');
    await client.query(`
      create role ${reader} nologin; create role ${grantViewer} nologin; create role ${owner} nologin;
      alter schema public owner to ${owner};
      alter table customers owner to ${owner}; alter table orders owner to ${owner};
      alter table order_lines owner to ${owner}; alter view revenue_by_country owner to ${owner};`);
    for (const statement of [
      ...witnessGroupStatements(witness),
      ...grantAdminStatements(granter, [owner]),
      ...vaultAdminStatements(vaultLogin, [reader, witness, grantViewer, granter]),
    ])
      await client.query(statement);
    await client.query(`
      alter role ${vaultLogin} password ${pg.escapeLiteral(vaultPassword)};
      grant connect on database ${database} to ${reader}, ${witness}, ${grantViewer}, ${vaultLogin};
      revoke all on schema public from public;
      grant usage on schema public to ${reader};
      grant select on all tables in schema public to ${reader};`);
  });
  return vaultPassword;
}
