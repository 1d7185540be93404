import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { CHANGE_CHANNELS } from './postgres/change-notices.js';
import type { Change, Changes } from './changes.js';

export interface ChangesOptions {
  /** One of its connections is kept for listening. */
  pool: pg.Pool;
  /** Told once each time that the connection is lost, and when it is back. */
  onLost?: (isLost: boolean) => void;
  /** How often `any` is told while the connection is lost. Default 2,000. */
  slowPollMs?: number;
  /** How often the connection is asked whether it lives. Default 15,000. */
  aliveMs?: number;
  /** What is listened for. Default: everything. */
  channels?: readonly (keyof typeof CHANGE_CHANNELS)[];
}

/** Changes, and the connection behind them. */
export interface ListeningChanges extends Changes {
  /** Before the pool is ended. */
  close(): Promise<void>;
}

/** Changes by PostgreSQL's LISTEN, over one connection; while it is lost everyone is told to look now and then. */
export function listenForChanges(options: ChangesOptions): ListeningChanges {
  const { pool, onLost, slowPollMs = 2_000, aliveMs = 15_000 } = options;
  const channels = options.channels ?? (Object.keys(CHANGE_CHANNELS) as (keyof typeof CHANGE_CHANNELS)[]);
  const listeners = new Set<(change: Change) => void>();
  const closing = new AbortController();
  const tell = (change: Change): void => {
    for (const listener of [...listeners]) listener(change);
  };

  const isClosing = (): boolean => closing.signal.aborted;

  const listen = async (): Promise<void> => {
    const state = { isLost: false };
    while (!isClosing()) {
      await holdConnection(pool, {
        tell,
        aliveMs,
        channels,
        closing: closing.signal,
        onListening: () => {
          if (state.isLost) onLost?.(false);
          state.isLost = false;
          // What was told meanwhile, nobody heard.
          tell({ kind: 'any' });
        },
      }).catch(() => undefined);
      if (isClosing()) return;
      if (!state.isLost) onLost?.(true);
      state.isLost = true;
      tell({ kind: 'any' });
      await pause(slowPollMs, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    }
  };
  const listening = listen();

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closing.abort();
      await listening;
    },
  };
}

interface Holding {
  tell: (change: Change) => void;
  aliveMs: number;
  channels: readonly (keyof typeof CHANGE_CHANNELS)[];
  closing: AbortSignal;
  onListening: () => void;
}

/** Listens until the connection breaks (rejects) or the signal comes. */
async function holdConnection(
  pool: pg.Pool,
  { tell, aliveMs, channels, closing, onListening }: Holding,
): Promise<void> {
  const client = await pool.connect();
  const broken = new AbortController();
  const onBroken = (): void => {
    broken.abort();
  };
  const onNotice = ({ channel, payload = '' }: pg.Notification): void => {
    if (channel === CHANGE_CHANNELS.action) tell({ kind: 'action', actionId: payload });
    if (channel === CHANGE_CHANNELS.plan) tell({ kind: 'plan', actionId: payload });
    if (channel === CHANGE_CHANNELS.session) tell({ kind: 'session', sessionId: payload });
    if (channel === CHANGE_CHANNELS.freeze) tell({ kind: 'freeze' });
  };
  client.on('error', onBroken).on('end', onBroken).on('notification', onNotice);
  try {
    for (const channel of channels) await client.query(`listen ${CHANGE_CHANNELS[channel]}`);
    onListening();
    const over = AbortSignal.any([closing, broken.signal]);
    const isAlive = async (): Promise<boolean> => {
      const isOver = await pause(aliveMs, false, { signal: over, ref: false }).catch(() => true);
      // A server that went without a word closes nothing.
      if (!isOver) await client.query('select 1');
      return !isOver;
    };
    while (await isAlive());
    if (broken.signal.aborted) throw new Error('the listening connection broke');
  } finally {
    client.removeListener('notification', onNotice);
    // Never back into the pool: it listens.
    client.release(true);
  }
}
