import type { Output } from './context.js';
import { cut } from './render/layout.js';

/** What is going on; `state` without times, so that a change shows. */
export interface Status {
  state: string;
  /** E.g. the time left. May be empty. */
  detail: string;
}

/** Tells the user what a long wait is for. */
export interface LiveStatus {
  /** Asks for the status again and shows it. */
  refresh(): void;
  stop(): void;
}

const TERMINAL_EVERY_MS = 1_000;
const LOG_CHECK_EVERY_MS = 30_000;
const LOG_AT_LEAST_EVERY_MS = 10 * 60_000;
const CLEAR_LINE = '\r\u001B[2K';

/**
 * On a terminal one line that is kept up to date; elsewhere a line when something changed, and one every ten minutes.
 * Stop it before anything else is written to `output`.
 */
export function startLiveStatus(output: Output, options: { nowMs(): number; status(): Status | null }): LiveStatus {
  let shown: string | null = null;
  let shownAtMs = 0;

  const refresh = (): void => {
    const status = options.status();
    if (status === null) return;
    const line = status.detail === '' ? status.state : `${status.state}; ${status.detail}`;
    if (output.isTty) {
      output.write(`${CLEAR_LINE}${cut(line, (output.columns ?? 80) - 1)}`);
    } else if (shown !== status.state || options.nowMs() - shownAtMs >= LOG_AT_LEAST_EVERY_MS) {
      output.write(`${line}\n`);
      shownAtMs = options.nowMs();
    }
    shown = status.state;
  };

  const timer = setInterval(refresh, output.isTty ? TERMINAL_EVERY_MS : LOG_CHECK_EVERY_MS);
  timer.unref();
  return {
    refresh,
    stop: () => {
      clearInterval(timer);
      if (output.isTty && shown !== null) output.write(CLEAR_LINE);
    },
  };
}
