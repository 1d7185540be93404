import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Refusal } from '../core/errors.js';
import type { ActionView } from '../record/action-view.js';
import type { GatewayApi } from './api.js';

/** A file that was fetched whole. */
export interface Downloaded {
  path: string;
  bytes: number;
  sha256: string;
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
  const part = `${path}.part`;
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const source = await api.output(action.actionId);
  try {
    await pipeline(source, measure, createWriteStream(part, { flags: 'w', mode: 0o600 }));
    const sha256 = hash.digest('hex');
    if (sha256 !== expected) {
      const message = `The output that arrived has SHA-256 ${sha256}, the receipt names ${expected}. Nothing was kept.`;
      throw new Refusal('artefact_corrupt', message);
    }
    await rename(part, path);
    return { path, bytes, sha256 };
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
