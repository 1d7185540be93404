import { describe, expect, it } from 'vitest';
import { diffOf, digestOfTouched } from '../../../src/operations/database-grant/difference.js';
import { paramsSchema } from '../../../src/operations/database-grant/params.js';
import { simulate } from '../../../src/operations/database-grant/simulate.js';
import { copyOf, type State } from '../../../src/operations/database-grant/state.js';
import { changesBack } from '../../../src/operations/database-grant/undo.js';
import { CUSTOMERS, grant, granting, item, MAIL, member, ORDERS, revoke, run } from './grant-shop.js';

describe('parameters of database.grant', () => {
  it.each<[string, unknown, string]>([
    ['a privilege of another kind', grant(['TRUNCATE'], MAIL, 'clerks'), 'privileges'],
    ['ALL', grant(['ALL'], ORDERS, 'clerks'), 'privileges'],
    ['grant option to everyone', grant(['SELECT'], ORDERS, 'public', { grantOption: true }), 'grantOption'],
    ['a catalog', grant(['SELECT'], { ...ORDERS, schema: 'pg_catalog' }, 'clerks'), 'schema'],
    ['the information schema', grant(['SELECT'], { ...ORDERS, schema: 'information_schema' }, 'clerks'), 'schema'],
    ['a name that cannot be seen', grant(['SELECT'], { ...ORDERS, tables: ['or\u202eders'] }, 'clerks'), 'tables'],
    ['a name with NUL', grant(['SELECT'], ORDERS, 'cle\0rks'), 'to'],
    ['a name that is too long', grant(['SELECT'], ORDERS, 'ä'.repeat(32)), 'to'],
    ['a table twice', grant(['SELECT'], { ...ORDERS, tables: ['orders', 'orders'] }, 'clerks'), 'tables'],
    ['a password', { do: 'create_role', role: 'x', password: 'y' }, ''],
    ['SUPERUSER', { do: 'create_role', role: 'x', superuser: true }, ''],
    ['SQL', { do: 'sql', text: 'select 1' }, 'do'],
    ['membership of everyone', { do: 'grant_membership', role: 'clerks', to: 'public' }, 'to'],
  ])('refuse %s', (_, change, field) => {
    const parsed = paramsSchema.safeParse({ target: 'orders', changes: [change] });
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues.map(({ path }) => path.join('.')).join()).toContain(field);
  });
});

describe('what would run', () => {
  it.each<[string, object, string[]]>([
    [
      'a grant',
      grant(['SELECT', 'INSERT'], ORDERS, 'clerks'),
      ['GRANT SELECT, INSERT ON TABLE "public"."orders" TO "clerks"'],
    ],
    [
      'to everyone',
      grant(['USAGE'], { kind: 'schema', schemas: ['public'] }, 'public'),
      ['GRANT USAGE ON SCHEMA "public" TO PUBLIC'],
    ],
    [
      'on columns, to be passed on',
      grant(['SELECT', 'UPDATE'], MAIL, 'clerks', { grantOption: true }),
      ['GRANT SELECT ("mail"), UPDATE ("mail") ON TABLE "public"."customers" TO "clerks" WITH GRANT OPTION'],
    ],
    [
      'on a function',
      grant(['EXECUTE'], { kind: 'function', schema: 'public', function: 'refund', arguments: ['bigint'] }, 'clerks'),
      ['GRANT EXECUTE ON ROUTINE "public"."refund"(bigint) TO "clerks"'],
    ],
    [
      'on a sequence',
      grant(['USAGE'], { kind: 'sequence', schema: 'public', sequences: ['order_ids'] }, 'clerks'),
      ['GRANT USAGE ON SEQUENCE "public"."order_ids" TO "clerks"'],
    ],
    [
      'on all tables: each by name',
      grant(['SELECT'], { kind: 'all_tables', schema: 'public' }, 'clerks'),
      ['GRANT SELECT ON TABLE "public"."orders", "public"."customers" TO "clerks"'],
    ],
    [
      'a revocation',
      revoke(['SELECT'], ORDERS, 'clerks'),
      ['REVOKE SELECT ON TABLE "public"."orders" FROM "clerks" RESTRICT'],
    ],
    [
      'a membership',
      { do: 'grant_membership', role: 'clerks', to: 'auditors', set: false },
      ['GRANT "clerks" TO "auditors" WITH ADMIN FALSE, INHERIT TRUE, SET FALSE GRANTED BY "granter"'],
    ],
    [
      'the end of a membership',
      { do: 'revoke_membership', role: 'clerks', from: 'ada' },
      ['REVOKE "clerks" FROM "ada" GRANTED BY "granter" RESTRICT'],
    ],
    [
      'a role with a name that must be quoted',
      { do: 'create_role', role: 'a"; DROP ROLE x; --', login: true },
      [
        'CREATE ROLE "a""; DROP ROLE x; --" LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS',
      ],
    ],
    ['the end of a role', { do: 'drop_role', role: 'lonely' }, ['DROP ROLE "lonely"']],
  ])('%s', (_, change, statements) => {
    expect(run([change]).statements).toEqual(statements);
  });
});

describe('what may not be', () => {
  it.each<[string, object, RegExp, ((state: State) => void)?]>([
    ['an unknown role', grant(['SELECT'], ORDERS, 'nobody'), /no role nobody/],
    ['an unknown table', grant(['SELECT'], { ...ORDERS, tables: ['nothing'] }, 'clerks'), /no table public\.nothing/],
    ['an unknown column', grant(['SELECT'], { ...MAIL, columns: ['x'] }, 'clerks'), /no column x/],
    [
      'another overload',
      grant(['EXECUTE'], { kind: 'function', schema: 'public', function: 'refund', arguments: [] }, 'clerks'),
      /there is function public\.refund\(bigint\)/,
    ],
    [
      "somebody else's table",
      grant(['SELECT'], { ...ORDERS, schema: 'other', tables: ['elsewhere'] }, 'clerks'),
      /belongs to postgres/,
    ],
    ["the owner's own rights", revoke(['SELECT'], ORDERS, 'owner'), /also reach granter/],
    ['a superuser', grant(['SELECT'], ORDERS, 'postgres'), /superuser/],
    ['a role that replicates', grant(['SELECT'], ORDERS, 'replicas'), /replicate/],
    ["PostgreSQL's own role", grant(['SELECT'], ORDERS, 'pg_read_all_data'), /PostgreSQL's own/],
    ['the role that grants', grant(['SELECT'], ORDERS, 'granter'), /Countersign/],
    ["Vault's login", grant(['SELECT'], ORDERS, 'vault_login'), /Countersign/],
    ['the group of the readers', grant(['SELECT'], CUSTOMERS, 'readers'), /Countersign/],
    ['a leased user', grant(['SELECT'], ORDERS, 'cs-01abc'), /Countersign/],
    ['a role of the record', grant(['SELECT'], ORDERS, 'record_gateway'), /Countersign/],
    ['a role by name', revoke(['SELECT'], ORDERS, 'countersign_notary'), /Countersign/],
    [
      'what reaches a leased user by membership',
      grant(['SELECT'], ORDERS, 'clerks'),
      /also reach readers/,
      (state) => state.memberships.push(member('clerks', 'readers')),
    ],
    ['membership in what owns', { do: 'grant_membership', role: 'owner', to: 'ada' }, /owns 3 objects/],
    [
      'membership in what is a member of what owns',
      { do: 'grant_membership', role: 'auditors', to: 'ada' },
      /member of owner/,
      (state) => state.memberships.push(member('owner', 'auditors', { inherit: false })),
    ],
    ['membership in a superuser', { do: 'grant_membership', role: 'postgres', to: 'ada' }, /superuser/],
    ['membership in what grants', { do: 'grant_membership', role: 'granter', to: 'ada' }, /Countersign/],
    ['membership in the readers', { do: 'grant_membership', role: 'readers', to: 'ada' }, /Countersign/],
    ['a circle', { do: 'grant_membership', role: 'ada', to: 'clerks' }, /circle/],
    [
      'membership without ADMIN OPTION',
      { do: 'grant_membership', role: 'bob', to: 'auditors' },
      /no ADMIN OPTION on bob/,
    ],
    [
      "the end of somebody else's membership",
      { do: 'revoke_membership', role: 'clerks', from: 'ada' },
      /postgres made ada a member/,
      (state) => state.memberships.push(member('clerks', 'ada')),
    ],
    [
      "the end of somebody else's grant",
      revoke(['SELECT'], ORDERS, 'clerks'),
      /auditors granted SELECT/,
      (state) => state.objects[1]?.acl.push(item('clerks', 'SELECT', { grantor: 'auditors' })),
    ],
    [
      'the end of what was passed on',
      revoke(['SELECT'], ORDERS, 'auditors'),
      /passed SELECT .* on to ada/,
      (state) =>
        state.objects[1]?.acl.push(
          item('auditors', 'SELECT', { grantable: true }),
          item('ada', 'SELECT', { grantor: 'auditors' }),
        ),
    ],
    ['a role that is there', { do: 'create_role', role: 'ada' }, /already/],
    ['a role named like ours', { do: 'create_role', role: 'cs-x' }, /kept/],
    ['a role named like a protected one', { do: 'create_role', role: 'record_x' }, /kept/],
    ["a role named like PostgreSQL's", { do: 'create_role', role: 'pg_x' }, /pg_/],
    ['the end of an owner', { do: 'drop_role', role: 'holder' }, /owns 2 objects/],
    [
      'the end of a role with privileges',
      { do: 'drop_role', role: 'clerks' },
      /still has privileges on table public\.orders/,
    ],
    ['the end of a role that something refers to', { do: 'drop_role', role: 'used' }, /used by table kept/],
  ])('%s', (_, change, message, arrange) => {
    expect(() => run([change], arrange)).toThrow(message);
    try {
      run([change], arrange);
    } catch (error) {
      expect(error).toMatchObject({ code: 'change_forbidden', field: 'params.changes.0' });
    }
  });
});

describe('who may newly do what', () => {
  const pairs = (list: readonly { role: string; privilege: string; object: string }[]): string[] =>
    list.map((pair) => `${pair.role} ${pair.privilege} ${pair.object}`).sort();

  it('counts members, by inheritance and by SET ROLE, and not what was so', () => {
    const { effective } = run([grant(['SELECT', 'INSERT'], ORDERS, 'clerks')]);
    expect(pairs(effective.allowed)).toEqual(
      ['ada', 'bob', 'clerks'].map((name) => `${name} INSERT table public.orders`),
    );
    expect(effective.lost).toEqual([]);
  });

  it.each<[string, (state: State) => void, object, string[]]>([
    [
      'not what everyone may',
      (state) => state.objects[1]?.acl.push(item('public', 'INSERT')),
      grant(['INSERT'], ORDERS, 'clerks'),
      [],
    ],
    [
      'not a column of a table that is readable',
      (state) => state.objects[2]?.acl.push(item('ada', 'SELECT')),
      grant(['SELECT'], MAIL, 'ada'),
      [],
    ],
    ['everyone, once', () => undefined, grant(['SELECT'], ORDERS, 'public'), ['public SELECT table public.orders']],
  ])('%s', (_, arrange, change, expected) => {
    expect(pairs(run([change], arrange).effective.allowed)).toEqual(expected);
  });

  it('counts what comes with a membership, in roles above too, and predefined roles', () => {
    const holdings = [
      { role: 'auditors', object: 'table public.ledger', privilege: 'SELECT' },
      { role: 'lonely', object: 'table public.secrets', privilege: 'SELECT' },
    ];
    const { effective } = run(
      [{ do: 'grant_membership', role: 'auditors', to: 'clerks' }],
      (state) => state.memberships.push(member('lonely', 'auditors'), member('pg_read_all_data', 'auditors')),
      holdings,
    );
    expect(pairs(effective.allowed)).toEqual(
      ['ada', 'bob', 'clerks'].flatMap((name) => [
        `${name} SELECT table public.ledger`,
        `${name} SELECT table public.secrets`,
        `${name} its rights predefined role pg_read_all_data`,
      ]),
    );
  });

  it('counts a revocation on a table on its columns too', () => {
    const { effective, after } = run([revoke(['UPDATE'], CUSTOMERS, 'clerks')]);
    expect(pairs(effective.lost)).toContain('ada UPDATE column public.customers.mail');
    expect(after.objects[2]?.columns[1]?.acl).toEqual([]);
  });
});

describe('undo', () => {
  it.each<[string, object[], ((state: State) => void)?]>([
    ['a grant of which half was so', [grant(['SELECT', 'INSERT'], ORDERS, 'clerks')]],
    ['a grant on a table with a grant on its column', [grant(['UPDATE'], CUSTOMERS, 'clerks')]],
    ['a revocation that takes a column’s grant along', [revoke(['UPDATE'], CUSTOMERS, 'clerks')]],
    ['an option', [grant(['SELECT'], ORDERS, 'clerks', { grantOption: true })]],
    [
      'the end of an option',
      [revoke(['SELECT'], ORDERS, 'auditors', { grantOptionOnly: true })],
      (state) => state.objects[1]?.acl.push(item('auditors', 'SELECT', { grantable: true })),
    ],
    [
      'a new role with all it got',
      [
        { do: 'create_role', role: 'made' },
        grant(['SELECT'], ORDERS, 'made'),
        { do: 'grant_membership', role: 'clerks', to: 'made' },
      ],
    ],
    ['a membership', [{ do: 'grant_membership', role: 'clerks', to: 'auditors', admin: true }]],
    [
      'other options of a membership',
      [{ do: 'grant_membership', role: 'clerks', to: 'bob', admin: true, inherit: true }],
    ],
    ['the end of a membership', [{ do: 'revoke_membership', role: 'clerks', from: 'bob' }]],
    ['the end of a role', [{ do: 'drop_role', role: 'lonely' }]],
    [
      'the end of a role and its privileges',
      [revoke(['SELECT'], ORDERS, 'auditors'), { do: 'drop_role', role: 'auditors' }],
      (state) => state.objects[1]?.acl.push(item('auditors', 'SELECT')),
    ],
    ['nothing', [grant(['SELECT'], ORDERS, 'clerks')]],
  ])('of %s leads back', (_, changes, arrange) => {
    const { before, after, changes: parsed } = run(changes, arrange);
    const back = changesBack(after, before, granting(before));
    expect(back).not.toBeNull();
    expect(paramsSchema.safeParse({ target: 'orders', changes: back }).success).toBe((back ?? []).length > 0);
    const reached = simulate(copyOf(after), back ?? [], granting(after)).after;
    expect(digestOfTouched(reached, parsed)).toBe(digestOfTouched(before, parsed));
    expect(diffOf(before, reached, []).filter(({ sign }) => sign !== ' ')).toEqual([]);
  });

  it('undoes only what changed', () => {
    const { before, after } = run([grant(['SELECT', 'INSERT'], ORDERS, 'clerks')]);
    expect(changesBack(after, before, granting(before))).toEqual([revoke(['INSERT'], ORDERS, 'clerks')]);
    const same = run([grant(['SELECT'], ORDERS, 'clerks')]);
    expect(changesBack(same.after, same.before, granting(same.before))).toEqual([]);
  });
});
