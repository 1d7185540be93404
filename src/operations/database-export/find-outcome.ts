import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { deleteArtefact, readArtefact } from '../artefacts.js';
import type { FoundOutcome } from '../operation.js';

/** What came of an export whose process died: `done` only for a complete file of the digest that its manifest names. */
export async function findExportOutcome({
  actionId,
  artefactsDir,
}: {
  actionId: string;
  artefactsDir: string;
}): Promise<FoundOutcome> {
  const artefact = await readArtefact(artefactsDir, actionId).catch(() => undefined);
  if (artefact !== undefined) {
    const file = `${actionId}.${artefact.format}`;
    if ((await digestOfFile(join(artefactsDir, file))) === artefact.sha256) {
      const { sha256, bytes, rows, format, details } = artefact;
      return { kind: 'done', result: { file, sha256, bytes, rows, format, columns: details?.['columns'] ?? [] } };
    }
  }
  await deleteArtefact(artefactsDir, actionId);
  return {
    kind: 'unknown',
    message:
      'The export was interrupted before its file was complete; what there was of it is removed. Rows may have been read, nothing was handed out.',
  };
}

async function digestOfFile(path: string): Promise<string | undefined> {
  const digest = createHash('sha256');
  try {
    await pipeline(createReadStream(path), digest);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return digest.digest('hex');
}
