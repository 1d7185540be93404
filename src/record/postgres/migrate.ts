import type { ClientBase } from 'pg';
import { sha256Hex } from '../../core/json.js';
import { migrations, recordRoles } from './migrations.js';

// Names of roles do not change what a migration is: its digest is taken with these.
const NEUTRAL_ROLES = recordRoles('role_');

/**
 * Brings the database's `countersign` schema up to date, in one transaction, as an administrator.
 * Creates the four login roles `<rolePrefix>gateway|worker|executor|notary` where they are missing, without a password:
 * nobody can log in until one is set.
 * @returns the numbers of the migrations that were applied now.
 * @throws Error when an applied migration differs from the one in this release.
 */
export async function migrate(admin: ClientBase, options: { rolePrefix: string }): Promise<number[]> {
  const roles = recordRoles(options.rolePrefix);
  await admin.query('begin');
  try {
    await admin.query("select pg_advisory_xact_lock(hashtextextended('countersign.migrate', 0))");
    await admin.query('create schema if not exists countersign');
    await admin.query(
      'create table if not exists countersign.migrations (number integer primary key, name text not null, digest text not null, applied_at timestamptz not null default now())',
    );
    for (const role of Object.values(roles) as string[]) {
      const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [role]);
      if (rowCount === 0) await admin.query(`create role ${role} login nosuperuser nocreatedb nocreaterole noinherit`);
    }
    const applied = await appliedMigrations(admin);
    const now: number[] = [];
    for (const migration of migrations) {
      const digest = sha256Hex(migration.sql(NEUTRAL_ROLES));
      const before = applied.get(migration.number);
      if (before === digest) continue;
      if (before !== undefined) {
        throw new Error(
          `Migration ${String(migration.number)} (${migration.name}) of the record differs from the one that was applied: use the release that applied it, or a later one.`,
        );
      }
      await admin.query(migration.sql(roles));
      await admin.query('insert into countersign.migrations (number, name, digest) values ($1, $2, $3)', [
        migration.number,
        migration.name,
        digest,
      ]);
      now.push(migration.number);
    }
    await admin.query('commit');
    return now;
  } catch (error) {
    await admin.query('rollback');
    throw error;
  }
}

async function appliedMigrations(admin: ClientBase): Promise<Map<number, string>> {
  const { rows } = await admin.query<{ number: number; digest: string }>(
    'select number, digest from countersign.migrations',
  );
  return new Map(rows.map((row) => [row.number, row.digest]));
}
