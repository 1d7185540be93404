import { describe, expect, it } from 'vitest';
import { SIGNERS_OF, type KeyPurpose } from '../../../src/core/keyring.js';
import type { ProcessName, StatementKind } from '../../../src/core/schemas/statements.js';
import { migrations, recordRoles } from '../../../src/record/postgres/migrations.js';

const KEYS: Readonly<Record<ProcessName, readonly KeyPurpose[]>> = {
  gateway: ['decision', 'intake'],
  worker: ['worker'],
  executor: ['executor'],
  notary: ['receipt', 'checkpoint'],
};

const sql = migrations.map((migration) => migration.sql(recordRoles('x_'))).join('\n');

/** The kinds that a process's role may insert under its own name. */
function kindsOf(process: ProcessName): string[] {
  const lists = [
    ...sql.matchAll(new RegExp(`process = '${process}' and kind (?:in \\(([^)]*)\\)|= ('[a-z_]+'))`, 'g')),
  ];
  return lists.flatMap(([, list, one]) => (list ?? one ?? '').split(', ').map((quoted) => quoted.slice(1, -1)));
}

describe('the record’s rights', () => {
  it.each(Object.entries(KEYS) as [ProcessName, readonly KeyPurpose[]][])(
    '%s may insert only what its keys may sign',
    (process, keys) => {
      const kinds = kindsOf(process);
      expect(kinds.length).toBeGreaterThan(1);
      for (const kind of kinds)
        expect(
          SIGNERS_OF[kind as StatementKind].some((signer) => signer !== 'agent' && keys.includes(signer)),
          kind,
        ).toBe(true);
    },
  );

  it('every kind of statement can be inserted by someone', () => {
    const insertable = new Set([...(Object.keys(KEYS) as ProcessName[]).flatMap(kindsOf), 'request', 'withdrawal']);
    expect([...insertable].sort()).toEqual(Object.keys(SIGNERS_OF).sort());
  });

  it.each(['', 'Upper_', '1st_', 'a"b', 'a b', 'x'.repeat(60)])('refuses "%s" as a prefix of role names', (prefix) => {
    expect(() => recordRoles(prefix)).toThrow(/prefix/);
  });
});
