import pg from 'pg';
import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';
import { connectionConfig } from '../../targets/postgres/connection.js';
import type { InfraTarget } from '../../targets/infra.js';
import { stateDatabaseOf } from '../../targets/infra/witness.js';
import type { DatabaseLogin } from '../../vault/credentials/database.js';
import type { LeasedCredential } from '../../vault/leases.js';

/** What a workspace holds, as OpenTofu wrote it last. */
export interface State {
  /** Counts every write. 0 before the first. */
  serial: number;
  /** Names the state's life; empty before the first write. */
  lineage: string;
  /** Whether a plan or apply holds its lock now. */
  locked: boolean;
  instances: ReadonlyMap<string, StateInstance>;
}

export interface StateInstance {
  attributes: Readonly<Record<string, unknown>>;
  tainted: boolean;
}

/** One name for a resource instance in plan and state. */
export function instanceKey(where: {
  module: string;
  type: string;
  name: string;
  index: string | number | null;
}): string {
  return JSON.stringify([where.module, where.type, where.name, where.index]);
}

const stateSchema = z.object({
  version: z.literal(4),
  serial: z.int().nonnegative(),
  lineage: z.string(),
  resources: z
    .array(
      z.object({
        module: z.string().optional(),
        mode: z.string(),
        type: z.string(),
        name: z.string(),
        instances: z.array(
          z.object({
            index_key: z.union([z.string(), z.number()]).optional(),
            status: z.string().optional(),
            deposed: z.string().optional(),
            attributes: z.record(z.string(), z.unknown()).nullish(),
          }),
        ),
      }),
    )
    .nullable(),
});

// The `pg` backend's lock is an advisory one on the row's id: it ends with the session that holds it.
const QUERY = (schema: string): string => `
  select s.data, exists (
    select from pg_catalog.pg_locks l
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
       and (l.classid::bigint << 32) | l.objid::bigint = s.id) as locked
    from ${pg.escapeIdentifier(schema)}.states s where s.name = 'default'`;

/** Reads the state under a leased user. Throws ServiceFault `target`. */
export async function readState(
  target: InfraTarget,
  { username, material }: LeasedCredential<DatabaseLogin>,
): Promise<State> {
  const login = { username, password: material.password };
  const config = connectionConfig(stateDatabaseOf(target), login, 'countersign infra.apply');
  const client = new pg.Client({ ...config, query_timeout: 20_000 });
  client.on('error', () => undefined); // reported by the call that fails
  try {
    await client.connect();
    const { rows } = await client.query<{ data: string; locked: boolean }>(QUERY(target.state.schema));
    return parseState(rows[0]);
  } catch (error) {
    if (error instanceof ServiceFault) throw error;
    throw new ServiceFault('target', `The state of ${target.name} could not be read.`, true, { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function parseState(row: { data: string; locked: boolean } | undefined): State {
  const instances = new Map<string, StateInstance>();
  if (row === undefined) return { serial: 0, lineage: '', locked: false, instances };
  const parsed = stateSchema.safeParse(JSON.parse(row.data));
  if (!parsed.success) throw new ServiceFault('target', 'The state is in a form that is not known here.', false);
  for (const { module = '', mode, type, name, instances: found } of parsed.data.resources ?? []) {
    if (mode !== 'managed') continue;
    for (const { index_key: index = null, deposed, status, attributes } of found) {
      if (deposed !== undefined) continue;
      instances.set(instanceKey({ module, type, name, index }), {
        attributes: attributes ?? {},
        tainted: status === 'tainted',
      });
    }
  }
  return { serial: parsed.data.serial, lineage: parsed.data.lineage, locked: row.locked, instances };
}
