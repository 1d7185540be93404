import pg from 'pg';
import { decodeTime } from 'ulid';
import { ServiceFault } from '../../core/errors.js';
import { REQUEST_LIMITS } from '../../core/schemas/action.js';
import { actionIdSchema } from '../../core/schemas/primitives.js';
import type { Proof } from '../../vault/leases.js';
import type { PostgresTarget } from '../postgres.js';
import type { EndedCredential, TargetWitness, WitnessDependencies } from '../target-kind.js';
import { connectionConfig } from './connection.js';
import { createWitnessLogins, type WitnessLogin } from './witness-login.js';

const QUERY_TIMEOUT_MS = 10_000;

// Shorter than half of a login's life, so that no session outlives its login.
const IDLE_MS = 30_000;

// How far the action's time may lie ahead of the target's: the agent's clock may run ahead of ours, and ours of the target's.
const CLOCK_SKEW_MS = 2 * REQUEST_LIMITS.clockSkewMs;

// Named, so that each connection plans them once.
const ROLES = {
  name: 'witness-roles',
  text: 'SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = $1 OR strpos(rolname, $2) > 0',
};

// `usename` is null for the session of a dropped role: its `usesysid` then has no row in pg_roles. One that began before the
// action is a stranger's. Whoever lacks pg_read_all_stats sees no `backend_start`: then it counts.
const SESSIONS = {
  name: 'witness-sessions',
  text: `
    SELECT pid FROM pg_catalog.pg_stat_activity a
     WHERE usename = $1 OR strpos(usename, $2) > 0
        OR (usesysid IS NOT NULL AND usesysid <> 0 AND (backend_start IS NULL OR backend_start >= $3)
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid))`,
};

export interface PostgresWitnessOptions {
  /** A login of the target's witness role, which may read what every user may. */
  login(target: PostgresTarget): Promise<WitnessLogin>;
}

/** Asks a PostgreSQL target whether an action's users and their sessions are gone. */
export function createPostgresWitness(dependencies: WitnessDependencies): TargetWitness<PostgresTarget> {
  return createWitnessWith({ login: createWitnessLogins(dependencies) });
}

/** The same with logins from elsewhere. */
export function createWitnessWith({ login }: PostgresWitnessOptions): TargetWitness<PostgresTarget> {
  const connections = createConnections();
  return {
    async proveGone(ended) {
      const { target, actionId } = ended;
      try {
        return await ask(connections.to(target, await login(target)), ended);
      } catch (error) {
        if (error instanceof ServiceFault) throw error;
        throw new ServiceFault(
          'target',
          `${target.name} could not be asked whether the user of ${actionId} is gone.`,
          true,
          { cause: error },
        );
      }
    },
    close: () => connections.close(),
  };
}

/** A witness is asked at the end of every action: it keeps its connections, for as long as their login serves. */
function createConnections(): { to(target: PostgresTarget, login: WitnessLogin): pg.Pool; close(): Promise<void> } {
  const pools = new Map<string, { username: string; pool: pg.Pool }>();
  const end = async (pool: pg.Pool): Promise<void> => {
    await pool.end().catch(() => undefined);
  };
  return {
    to(target, login) {
      const kept = pools.get(target.name);
      if (kept?.username === login.username) return kept.pool;
      if (kept !== undefined) void end(kept.pool);
      const config = connectionConfig(target, login, 'countersign witness');
      const pool = new pg.Pool({
        ...config,
        query_timeout: QUERY_TIMEOUT_MS,
        max: 2,
        idleTimeoutMillis: IDLE_MS,
        allowExitOnIdle: true,
      });
      pool.on('error', () => undefined); // reported by the call that fails
      pools.set(target.name, { username: login.username, pool });
      return pool;
    },
    async close() {
      await Promise.all([...pools.values()].map(({ pool }) => end(pool)));
      pools.clear();
    },
  };
}

async function ask(
  pool: pg.Pool,
  { target, actionId: sentId, username }: EndedCredential<PostgresTarget>,
): Promise<Proof[]> {
  const actionId = actionIdSchema.parse(sentId);
  const idInName = actionId.toLowerCase();
  const notBefore = new Date(decodeTime(actionId) - CLOCK_SKEW_MS).toISOString();
  const who =
    username === null
      ? `users with ${idInName} in their name`
      : `user ${username} and users with ${idInName} in their name`;
  const roles = await pool.query<{ rolname: string }>({ ...ROLES, values: [username, idInName] });
  const sessions = await pool.query<{ pid: number }>({ ...SESSIONS, values: [username, idInName, notBefore] });
  if (roles.rows.length > 0) {
    const names = roles.rows.map(({ rolname }) => rolname).join(', ');
    throw new ServiceFault('target', `${target.name} still knows ${names}.`, true);
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
}
