import { Refusal, ServiceFault } from '../core/errors.js';
import type { ActionView } from './action-view.js';
import { ContentRemoved, type Contents } from './contents.js';

/** What can be shown of an agent's log: untrusted text, or a sentence of ours that says why there is none. */
export type LogText = { ok: true; text: string } | { ok: false; because: string };

export const LOG_NOT_SENT = 'The agent named a log but did not send it.';

/** The agent's log from the content store; null when it named none. Never keeps an action from being shown. */
export async function readLogText({ logs }: ActionView, contents: Pick<Contents, 'get'>): Promise<LogText | null> {
  if (logs === null) return null;
  if (logs.stored === null) return { ok: false, because: LOG_NOT_SENT };
  try {
    return { ok: true, text: new TextDecoder().decode(await contents.get(logs.stored.sha256)) };
  } catch (error) {
    if (error instanceof ServiceFault) return { ok: false, because: 'The log cannot be read now.' };
    if (error instanceof ContentRemoved) return { ok: false, because: error.message };
    if (error instanceof Refusal)
      return { ok: false, because: 'The log is missing, or was changed after it was kept.' };
    throw error;
  }
}
