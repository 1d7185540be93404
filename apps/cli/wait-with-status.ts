import type { GatewayApi } from '../../src/client/api.js';
import { waitForEnd } from '../../src/client/wait.js';
import type { ActionView } from '../../src/record/action-view.js';
import type { CliContext } from './context.js';
import { startLiveStatus, type Status } from './live-status.js';
import { statusOf, timeLeft } from './render/words.js';

export interface Awaited {
  api: GatewayApi;
  actionId: string;
  timeoutMs: number | undefined;
}

/** Waits for an action's end and tells on standard error who is waited for, and how long still. */
export async function waitWithStatus(context: CliContext, { api, actionId, timeoutMs }: Awaited): Promise<ActionView> {
  let action: ActionView | null = null;
  let away = false;
  const status = (): Status | null => {
    if (away) return { state: `The gateway cannot be reached; asking again`, detail: '' };
    if (action === null) return null;
    return { state: statusOf(action), detail: timeLeft(action, context.nowMs()) };
  };
  const live = startLiveStatus(context.stderr, { nowMs: () => context.nowMs(), status });
  try {
    return await waitForEnd(api, actionId, {
      ...(timeoutMs !== undefined && { timeoutMs }),
      signal: context.signal,
      onChange: (changed) => {
        action = changed;
        away = false;
        live.refresh();
      },
      onInterrupted: () => {
        away = true;
        live.refresh();
      },
    });
  } finally {
    live.stop();
  }
}
