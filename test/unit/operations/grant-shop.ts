import { effectiveChange, type Holding } from '../../../src/operations/database-grant/effective.js';
import { paramsSchema, type Change } from '../../../src/operations/database-grant/params.js';
import { rolesOfCountersign } from '../../../src/operations/database-grant/roles.js';
import { simulate, type Granting } from '../../../src/operations/database-grant/simulate.js';
import {
  copyOf,
  type AclItem,
  type GrantObject,
  type Membership,
  type Role,
  type State,
} from '../../../src/operations/database-grant/state.js';

function role(name: string, more: Partial<Role> = {}): Role {
  const none = { superuser: false, createRole: false, createDatabase: false, replication: false, bypassRls: false };
  return { oid: name, name, ...none, login: false, owns: 0, usedBy: [], ...more };
}

export function member(of: string, name: string, more: Partial<Membership> = {}): Membership {
  return { role: of, member: name, grantor: 'postgres', admin: false, inherit: true, set: true, ...more };
}

export function item(grantee: string, privilege: string, more: Partial<AclItem> = {}): AclItem {
  return { grantee, grantor: 'owner', privilege, grantable: false, ...more };
}

function object(kind: GrantObject['kind'], name: string, more: Partial<GrantObject> = {}): GrantObject {
  const base = {
    oid: name,
    schema: 'public',
    arguments: [],
    definer: false,
    relkind: 'r',
    owner: 'owner',
    columns: [],
  };
  return { kind, name, ...base, acl: [item('owner', 'SELECT')], ...more };
}

/** A shop: `clerks` with two members, `ada` by inheritance and `bob` by SET ROLE only; Vault's login and what it hands out. */
function shop(): State {
  const roles = [
    role('postgres', { superuser: true, oid: '10' }),
    role('owner', { owns: 3 }),
    role('granter', { createRole: true }),
    role('vault_login', { createRole: true, login: true }),
    role('readers'),
    role('cs-01abc', { login: true }),
    role('clerks'),
    role('auditors'),
    role('ada', { login: true }),
    role('bob', { login: true }),
    role('replicas', { replication: true }),
    role('countersign_notary'),
    role('record_gateway'),
    role('pg_read_all_data'),
    role('pg_execute_server_program'),
    role('lonely'),
    role('holder', { owns: 2 }),
    role('used', { usedBy: ['table kept'] }),
  ];
  const comment = 'PII: e-mail address';
  return {
    roles: new Map(roles.map((one) => [one.name, one])),
    memberships: [
      member('owner', 'granter', { set: false }),
      member('granter', 'vault_login', { admin: true, inherit: false, set: false }),
      member('readers', 'vault_login', { admin: true, inherit: false, set: false }),
      member('cs-01abc', 'vault_login', { admin: true, inherit: false, set: false }),
      member('readers', 'cs-01abc', { set: false, grantor: 'vault_login' }),
      ...['clerks', 'auditors', 'lonely', 'used', 'pg_read_all_data', 'owner'].map((of) =>
        member(of, 'granter', { admin: true, inherit: of === 'owner', set: false }),
      ),
      member('clerks', 'ada', { grantor: 'granter' }),
      member('clerks', 'bob', { grantor: 'granter', inherit: false }),
    ],
    objects: [
      object('schema', '', { schema: 'public', acl: [item('owner', 'USAGE'), item('public', 'USAGE')] }),
      object('table', 'orders', { acl: [item('owner', 'SELECT'), item('clerks', 'SELECT')] }),
      object('table', 'customers', {
        columns: [
          { name: 'id', comment: null, acl: [] },
          { name: 'mail', comment, acl: [item('clerks', 'UPDATE')] },
        ],
      }),
      object('table', 'elsewhere', { owner: 'postgres', schema: 'other' }),
      object('function', 'refund', { arguments: ['bigint'], definer: true, acl: [item('owner', 'EXECUTE')] }),
      object('sequence', 'order_ids', { relkind: 'S', acl: [] }),
    ],
    bootstrap: 'postgres',
  };
}

export const ORDERS = { kind: 'table', schema: 'public', tables: ['orders'] } as const;
export const CUSTOMERS = { kind: 'table', schema: 'public', tables: ['customers'] } as const;
export const MAIL = { kind: 'columns', schema: 'public', table: 'customers', columns: ['mail'] } as const;

function changesOf(changes: unknown): Change[] {
  return paramsSchema.parse({ target: 'orders', changes }).changes;
}

export function grant(privileges: string[], on: unknown, to: string, more: object = {}): object {
  return { do: 'grant', privileges, on, to, ...more };
}

export function revoke(privileges: string[], on: unknown, from: string, more: object = {}): object {
  return { do: 'revoke', privileges, on, from, ...more };
}

export function granting(state: State): Granting {
  const protectedRoles = ['record_*'];
  return { admin: 'granter', protectedRoles, ofCountersign: rolesOfCountersign(state, 'granter', protectedRoles) };
}

export function run(changes: unknown, arrange: (state: State) => void = () => undefined, holdings: Holding[] = []) {
  const before = shop();
  arrange(before);
  const parsed = changesOf(changes);
  const { after, statements } = simulate(copyOf(before), parsed, granting(before));
  return { before, after, statements, changes: parsed, effective: effectiveChange(before, after, parsed, holdings) };
}
