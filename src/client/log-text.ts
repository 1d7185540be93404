import { Refusal, ServiceFault } from '../core/errors.js';
import type { ActionView } from '../record/action-view.js';
import { LOG_NOT_SENT, type LogText } from '../record/log-text.js';
import type { GatewayApi } from './api.js';

/** The agent's log from the gateway; null when it named none. Never keeps an action from being shown. */
export async function fetchLogText(
  api: Pick<GatewayApi, 'logs'>,
  { actionId, logs }: Pick<ActionView, 'actionId' | 'logs'>,
): Promise<LogText | null> {
  if (logs === null) return null;
  if (logs.stored === null) return { ok: false, because: LOG_NOT_SENT };
  try {
    return { ok: true, text: await api.logs(actionId) };
  } catch (error) {
    if (error instanceof Refusal || error instanceof ServiceFault) return { ok: false, because: error.message };
    throw error;
  }
}
