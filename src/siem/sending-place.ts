import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';

/** The one process at a time that sends. */
export interface SendingPlace {
  /** Aborted when the place is lost: another process may have it by now. */
  lost: AbortSignal;
  release(): Promise<void>;
}

const ALIVE_MS = 5_000;
// A process that stands still must not keep others from it.
const IDLE_SECONDS = 30;

/** Takes the place, over a connection of its own. @returns null when another process has it. @throws what PostgreSQL says */
export async function takeSendingPlace(pool: pg.Pool): Promise<SendingPlace | null> {
  const client = await pool.connect();
  const lost = new AbortController();
  const onBroken = (): void => {
    lost.abort();
  };
  client.on('error', onBroken).on('end', onBroken);
  const letGo = (): void => {
    // Never back into the pool: it holds the lock.
    client.release(true);
  };
  try {
    await client.query(`set idle_session_timeout = '${String(IDLE_SECONDS)}s'`);
    const { rows } = await client.query<{ locked: boolean }>(
      `select pg_try_advisory_lock(hashtextextended('countersign.siem', 0)) as locked`,
    );
    if (rows[0]?.locked !== true) {
      letGo();
      return null;
    }
  } catch (error) {
    letGo();
    throw error;
  }
  const beating = keepAlive(client, lost);
  return {
    lost: lost.signal,
    async release() {
      lost.abort();
      await beating;
      letGo();
    },
  };
}

/** A server that went without a word closes nothing: it is asked. */
async function keepAlive(client: pg.PoolClient, lost: AbortController): Promise<void> {
  const isOver = (): boolean => lost.signal.aborted;
  while (!isOver()) {
    await pause(ALIVE_MS, undefined, { signal: lost.signal, ref: false }).catch(() => undefined);
    if (isOver()) return;
    await client.query('select 1').catch(() => {
      lost.abort();
    });
  }
}
