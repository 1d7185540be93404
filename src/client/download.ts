import { access } from 'node:fs/promises';
import { Refusal } from '../core/errors.js';
import type { ActionView } from '../record/action-view.js';
import type { GatewayApi } from './api.js';
import { writeWhole, type Written } from './write-whole.js';

/** A file that was fetched whole. */
export interface Downloaded extends Written {
  path: string;
}

/**
 * Fetches an action's output into a file, readable by this user only. The file appears when it is complete and its
 * SHA-256 is the one in the receipt; until then it is `<path>.part`.
 * @throws Refusal `not_found` when the action has no output, `field_invalid` when a file is already there,
 *   `artefact_corrupt` when it is not what the receipt names, or what the gateway refuses (`artefact_gone`).
 */
export async function downloadOutput(api: GatewayApi, action: ActionView, path: string): Promise<Downloaded> {
  const expected = action.outcome?.result?.['sha256'];
  if (typeof expected !== 'string') {
    throw new Refusal('not_found', `Action ${action.actionId} has no output to download.`);
  }
  if (await exists(path)) {
    throw new Refusal('field_invalid', `${path} is already there; it is not overwritten.`, 'out');
  }
  const written = await writeWhole(await api.output(action.actionId), path, ({ sha256 }) => {
    if (sha256 === expected) return;
    const message = `The output that arrived has SHA-256 ${sha256}, the receipt names ${expected}. Nothing was kept.`;
    throw new Refusal('artefact_corrupt', message);
  });
  return { path, ...written };
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
