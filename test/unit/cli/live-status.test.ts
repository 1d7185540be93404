import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startLiveStatus, type Status } from '../../../apps/cli/live-status.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

interface Watched {
  written: string[];
  show: (status: Status | null) => void;
  pass: (ms: number) => void;
  stop: () => void;
}

function watch(isTty: boolean): Watched {
  const written: string[] = [];
  let nowMs = 0;
  let status: Status | null = null;
  const output = { isTty, columns: 40, write: (text: string) => void written.push(text) };
  const live = startLiveStatus(output, { nowMs: () => nowMs, status: () => status });
  return {
    written,
    show(next) {
      status = next;
      live.refresh();
    },
    pass(ms) {
      nowMs += ms;
      vi.advanceTimersByTime(ms);
    },
    stop: () => {
      live.stop();
    },
  };
}

const waiting = { state: 'Waiting for dba (1 more)', detail: 'expires in 2 h' };
const CLEAR = `\r${String.fromCharCode(27)}[2K`;

describe('a long wait', () => {
  it('keeps one line up to date on a terminal, no wider than it, and clears it at the end', () => {
    const { written, show, pass, stop } = watch(true);
    show(waiting);
    pass(3_000);
    stop();
    expect(written).toEqual([
      ...Array.from({ length: 4 }, () => `${CLEAR}Waiting for dba (1 more); expires in 2…`),
      CLEAR,
    ]);
  });

  it('elsewhere tells a change once, and that it still waits every ten minutes', () => {
    const { written, show, pass, stop } = watch(false);
    show(waiting);
    pass(9 * 60_000);
    show({ state: 'Running', detail: '' });
    pass(9 * 60_000);
    expect(written).toEqual(['Waiting for dba (1 more); expires in 2 h\n', 'Running\n']);
    pass(60_000);
    stop();
    expect(written).toHaveLength(3);
    pass(60 * 60_000);
    expect(written).toHaveLength(3);
  });

  it('says nothing before there is something to say', () => {
    const { written, show, stop } = watch(true);
    show(null);
    stop();
    expect(written).toEqual([]);
  });
});
