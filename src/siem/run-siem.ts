import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { LedgerSender } from './send-ledger.js';
import { takeSendingPlace } from './sending-place.js';

export interface SiemOptions {
  /** One of its connections is kept for the lock. */
  pool: pg.Pool;
  senders: readonly LedgerSender[];
  onFault: (error: unknown) => void;
  /** How often a sender looks for new entries, and a process for the place. Default 1,000. */
  pollMs?: number;
}

// Whoever shuts down does not wait for a receiver that is slow: what it was being sent is sent again.
const STOP_WITHIN_MS = 5_000;

/** Sends to all receivers, side by side, while this process has the place; waits for it otherwise. */
export function runSiem({ pool, senders, onFault, pollMs = 1_000 }: SiemOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const run = async (): Promise<void> => {
    let lastFault = '';
    while (!isStopping()) {
      const place = await takeSendingPlace(pool).catch((error: unknown) => {
        const message = String(error);
        if (message !== lastFault) onFault(error);
        lastFault = message;
        return null;
      });
      if (place !== null) {
        lastFault = '';
        const over = AbortSignal.any([stopping.signal, place.lost]);
        // One that is slow or away holds up no other.
        await Promise.all(senders.map((sender) => sendUntil(over, sender, pollMs)));
        await place.release();
      }
      await rest(pollMs, stopping.signal);
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await Promise.race([running, pause(STOP_WITHIN_MS, undefined, { ref: false })]);
    },
  };
}

async function sendUntil(over: AbortSignal, sender: LedgerSender, pollMs: number): Promise<void> {
  while (!over.aborted) {
    const pass = await sender.pass();
    if (pass.kind === 'idle') await rest(pollMs, over);
    if (pass.kind === 'failed') await rest(pass.retryInMs, over);
  }
  await sender.close();
}

async function rest(ms: number, over: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal: over }).catch(() => undefined);
}
