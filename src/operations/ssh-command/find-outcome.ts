import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SshHostTarget } from '../../targets/ssh-host.js';
import type { SshLogin } from '../../vault/credentials/ssh-certificate.js';
import { deleteArtefact, readArtefact } from '../artefacts.js';
import type { FoundOutcome, OutcomeContext } from '../operation.js';
import type { SshCommandParams } from './params.js';

/**
 * What came of a command whose executor died: `done` only for complete, unchanged output. Else a person is asked, since
 * the host ended the command with its session, wherever it was.
 */
export async function findCommandOutcome({
  actionId,
  artefactsDir,
}: OutcomeContext<SshCommandParams, SshHostTarget, SshLogin>): Promise<FoundOutcome> {
  const artefact = await readArtefact(artefactsDir, actionId).catch(() => undefined);
  if (artefact !== undefined) {
    const { sha256, bytes, rows, format, details } = artefact;
    const file = `${actionId}.${format}`;
    const text = await readFile(join(artefactsDir, file)).catch(() => null);
    if (text !== null && createHash('sha256').update(text).digest('hex') === sha256)
      return { kind: 'done', result: { file, sha256, bytes, rows, format, ...details } };
  }
  await deleteArtefact(artefactsDir, actionId);
  return {
    kind: 'unknown',
    message:
      'The executor died while the command ran. The host ends a command whose session is gone; how far it had come is not known, and its output is lost. See .countersign in the home folder of its user.',
  };
}
