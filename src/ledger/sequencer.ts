import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import type { Changes } from '../record/changes.js';
import { LedgerFaultError, type LedgerFault } from './faults.js';
import { lead, type LeadOptions } from './lead.js';
import { openSequencingSession } from './postgres/sequencing.js';

export interface SequencerOptions extends LeadOptions {
  /** Of the notary's role; one of its connections is held while this process sequences. */
  pool: pg.Pool;
  /** Wakes it; without a word it looks every two seconds. */
  changes: Changes;
  /** Told of what must never be. It is tried again every 30 seconds whether the fault is still there. */
  onFault: (fault: LedgerFault) => Promise<void>;
  /** Told of errors that are no fault of the ledger: it is tried again. */
  onInternal: (error: unknown) => void;
  pace?: Partial<Pace>;
}

export interface Pace {
  /** How soon a process that stands by takes over. Default 1,000. */
  standByMs: number;
  /** Statements that come one after the other share a batch, and so a checkpoint: how long is waited for more. Default 1,000. */
  gatherMs: number;
  /** When to look without being told. Default 2,000. */
  slowPollMs: number;
}

export interface Sequencer {
  /** Whether this process is the one that sequences. */
  isLeading(): boolean;
  /** Ends after the batch that it is at. */
  close(): Promise<void>;
}

/**
 * Puts every statement of the record into the ledger, exactly once, in the order in which they came to be on record,
 * and signs a checkpoint for each batch. Of several processes one does it, and another goes on when that one ends.
 */
export function startSequencer(options: SequencerOptions): Sequencer {
  const closing = new AbortController();
  const isClosing = (): boolean => closing.signal.aborted;
  const alarm = createAlarmClock(options.changes);
  const pace = { ...USUAL_PACE, ...options.pace };
  let leading = false;

  const take = async (): Promise<number> => {
    const session = await openSequencingSession(options.pool);
    if (session === null) return pace.standByMs;
    try {
      const led = await lead(session, options);
      leading = true;
      while (!isClosing()) if ((await led.step()) !== 'full') await rest(alarm, pace, closing.signal);
    } finally {
      leading = false;
      session.close();
    }
    return 0;
  };

  const run = async (): Promise<void> => {
    while (!isClosing()) {
      const waitMs = await take().catch((error: unknown) => told(error, options));
      await pause(waitMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    isLeading: () => leading,
    async close() {
      closing.abort();
      await running;
      alarm.close();
    },
  };
}

const USUAL_PACE: Pace = { standByMs: 1_000, gatherMs: 1_000, slowPollMs: 2_000 };
const AFTER_ERROR_MS = 1_000;
const AFTER_FAULT_MS = 30_000;

async function told(error: unknown, { onFault, onInternal }: SequencerOptions): Promise<number> {
  if (!(error instanceof LedgerFaultError)) {
    onInternal(error);
    return AFTER_ERROR_MS;
  }
  await onFault(error.fault).catch(onInternal);
  return AFTER_FAULT_MS;
}

async function rest(alarm: AlarmClock, { gatherMs, slowPollMs }: Pace, closing: AbortSignal): Promise<void> {
  await pause(gatherMs, undefined, { signal: closing }).catch(() => undefined);
  await alarm.rung(slowPollMs, closing);
}

interface AlarmClock {
  /** Resolves when something changed since the last time, at the latest after a while. */
  rung(timeoutMs: number, closing: AbortSignal): Promise<void>;
  close(): void;
}

function createAlarmClock(changes: Changes): AlarmClock {
  let ring = new AbortController();
  const stop = changes.subscribe(() => {
    ring.abort();
  });
  return {
    async rung(timeoutMs, closing) {
      const signal = AbortSignal.any([ring.signal, closing]);
      await pause(timeoutMs, undefined, { signal }).catch(() => undefined);
      ring = new AbortController();
    },
    close: stop,
  };
}
