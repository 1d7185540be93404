import pg from 'pg';
import { decodeTime } from 'ulid';
import { ServiceFault } from '../core/errors.js';
import type { Secret } from '../core/secret.js';
import { REQUEST_LIMITS } from '../core/schemas/action.js';
import { actionIdSchema } from '../core/schemas/primitives.js';
import type { PostgresTarget, Target } from '../directory/targets.js';
import type { Proof, TargetWitness } from '../vault/leases.js';
import { connectionConfig } from './postgres-connection.js';

export interface PostgresWitnessDeps {
  findTarget(name: string): Target | undefined;
  /** A login of the target's witness role, which may read what every user may. */
  witnessCredential(target: PostgresTarget): Promise<{ username: string; password: Secret }>;
}

const QUERY_TIMEOUT_MS = 10_000;

// How far the action's time may lie ahead of the target's: the agent's clock may run ahead of ours, and ours of the target's.
const CLOCK_SKEW_MS = 2 * REQUEST_LIMITS.clockSkewMs;

// `usename` is null for the session of a dropped role: its `usesysid` then has no row in pg_roles. One that began before the
// action is a stranger's. Whoever lacks pg_read_all_stats sees no `backend_start`: then it counts.
const SESSIONS = `
  SELECT pid FROM pg_catalog.pg_stat_activity a
   WHERE usename = $1 OR strpos(usename, $2) > 0
      OR (usesysid IS NOT NULL AND usesysid <> 0 AND (backend_start IS NULL OR backend_start >= $3)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid))`;

/** Asks a PostgreSQL target whether an action's users and their sessions are gone. Read-only: ending them is Vault's part. */
export function createPostgresWitness(deps: PostgresWitnessDeps): TargetWitness {
  return {
    async proveGone(targetName, actionId, username) {
      const target = deps.findTarget(targetName);
      if (target === undefined)
        throw new ServiceFault(
          'target',
          `Target ${targetName} is not in the bundle: whether the user of ${actionId} is gone cannot be asked.`,
          true,
        );
      const credential = await deps.witnessCredential(target);
      try {
        return await ask(target, credential, actionIdSchema.parse(actionId), username);
      } catch (error) {
        if (error instanceof ServiceFault) throw error;
        throw new ServiceFault(
          'target',
          `${targetName} could not be asked whether the user of ${actionId} is gone.`,
          true,
          { cause: error },
        );
      }
    },
  };
}

async function ask(
  target: PostgresTarget,
  credential: { username: string; password: Secret },
  actionId: string,
  username: string | null,
): Promise<Proof[]> {
  const idInName = actionId.toLowerCase();
  const notBefore = new Date(decodeTime(actionId) - CLOCK_SKEW_MS).toISOString();
  const client = new pg.Client({
    ...connectionConfig(target, credential, 'countersign witness'),
    query_timeout: QUERY_TIMEOUT_MS,
  });
  client.on('error', () => undefined); // reported by the call that fails
  try {
    await client.connect();
    const who =
      username === null
        ? `users with ${idInName} in their name`
        : `user ${username} and users with ${idInName} in their name`;
    const roles = await client.query<{ rolname: string }>(
      'SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = $1 OR strpos(rolname, $2) > 0',
      [username, idInName],
    );
    const sessions = await client.query<{ pid: number }>(SESSIONS, [username, idInName, notBefore]);
    if (roles.rows.length > 0) {
      throw new ServiceFault(
        'target',
        `${target.name} still knows ${roles.rows.map(({ rolname }) => rolname).join(', ')}.`,
        true,
      );
    }
    if (sessions.rows.length > 0) {
      const pids = sessions.rows.map(({ pid }) => String(pid)).join(', ');
      throw new ServiceFault(
        'target',
        `${target.name} still has sessions of the user or of a dropped one (pid ${pids}).`,
        true,
      );
    }
    return [
      { asked: `${target.name}: pg_roles, ${who}`.slice(0, 300), answer: '0 rows' },
      {
        asked: `${target.name}: pg_stat_activity, sessions of ${who}, or since ${notBefore} of a dropped user`.slice(
          0,
          300,
        ),
        answer: '0 rows',
      },
    ];
  } finally {
    await client.end().catch(() => undefined);
  }
}
