import { createReadStream, type ReadStream } from 'node:fs';
import { open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { Refusal } from '../core/errors.js';
import { actionIdSchema } from '../core/schemas/primitives.js';
import { artefactSchema } from '../core/schemas/statements.js';

/** What is kept beside an output: `<action id>.json`. The output itself is `<action id>.<format>`. */
export type Artefact = z.infer<typeof artefactSchema>;

export interface OpenedArtefact {
  artefact: Artefact;
  fileName: string;
  stream: ReadStream;
}

/** An unfinished output older than this has no lease that could still be writing it. */
const ABANDONED_AFTER_MS = 2 * 24 * 60 * 60 * 1000;

/**
 * Opens an action's output for download.
 * @throws Refusal `not_found` without a complete output, `artefact_gone` after its retention time.
 */
export async function openArtefact(folder: string, actionId: string, nowMs: number): Promise<OpenedArtefact> {
  const artefact = await readArtefact(folder, actionId);
  if (artefact === undefined) throw new Refusal('not_found', 'This action has no output.', 'actionId');
  if (nowMs >= artefact.retainUntilMs) {
    throw new Refusal(
      'artefact_gone',
      `The output was kept until ${new Date(artefact.retainUntilMs).toISOString()}.`,
      'actionId',
    );
  }
  const fileName = `${actionId}.${artefact.format}`;
  try {
    const handle = await open(join(folder, fileName), 'r');
    return { artefact, fileName, stream: createReadStream('', { fd: handle }) };
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new Refusal('not_found', 'This action has no output.', 'actionId', { cause: error });
  }
}

/** The manifest of an action's output; undefined when there is none. An action id that is no ULID has none: it is a path. */
export async function readArtefact(folder: string, actionId: string): Promise<Artefact | undefined> {
  if (!actionIdSchema.safeParse(actionId).success) return undefined;
  try {
    return artefactSchema.parse(JSON.parse(await readFile(join(folder, `${actionId}.json`), 'utf8')));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Ids of the actions that have an output, oldest first. */
export async function listArtefacts(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter((id) => actionIdSchema.safeParse(id).success)
    .sort();
}

/** Removes an action's output, complete or not. Idempotent. */
export async function deleteArtefact(folder: string, actionId: string): Promise<void> {
  if (!actionIdSchema.safeParse(actionId).success) return;
  // The manifest last: without it the output could not be found again to be removed.
  for (const format of artefactSchema.shape.format.options) {
    await rm(join(folder, `${actionId}.${format}.partial`), { force: true });
    await rm(join(folder, `${actionId}.${format}`), { force: true });
  }
  await rm(join(folder, `${actionId}.json.partial`), { force: true });
  await rm(join(folder, `${actionId}.json`), { force: true });
}

/**
 * Removes what is past its retention time, and what was left unfinished for two days. @returns the ids removed.
 * @throws the first manifest that could not be read, once all else is done.
 */
export async function sweepArtefacts(folder: string, nowMs: number): Promise<string[]> {
  const gone: string[] = [];
  const unread: unknown[] = [];
  for (const actionId of await listArtefacts(folder)) {
    try {
      const artefact = await readArtefact(folder, actionId);
      if (artefact !== undefined && nowMs >= artefact.retainUntilMs) gone.push(actionId);
    } catch (error) {
      unread.push(error); // it must not keep the others
    }
  }
  for (const name of await readdir(folder).catch(() => [])) {
    const actionId = name.split('.')[0] ?? '';
    if (!name.endsWith('.partial') || !actionIdSchema.safeParse(actionId).success) continue;
    const found = await stat(join(folder, name)).catch(() => null); // it may be published at this very moment
    if (found !== null && nowMs - found.mtimeMs > ABANDONED_AFTER_MS) await rm(join(folder, name), { force: true });
  }
  for (const actionId of gone) await deleteArtefact(folder, actionId);
  if (unread.length > 0) throw unread[0];
  return gone;
}

/** Writes an output that appears only when it is complete. */
export interface ArtefactWriter {
  /** Appends all chunks, as fast as the disk takes them. */
  write(chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Makes manifest and output durable, then visible. */
  publish(artefact: Artefact): Promise<void>;
  /** Removes what was written; after `publish` it does nothing. */
  discard(): Promise<void>;
}

/** @throws Error when `actionId` is no ULID, or the output is being written already. */
export async function createArtefactWriter(
  folder: string,
  actionId: string,
  format: Artefact['format'],
): Promise<ArtefactWriter> {
  const base = join(folder, actionIdSchema.parse(actionId));
  const partial = `${base}.${format}.partial`;
  const handle = await open(partial, 'wx', 0o600);
  let published = false;
  return {
    async write(chunks) {
      for await (const chunk of chunks) await handle.writeFile(chunk);
    },
    async publish(artefact) {
      await handle.sync();
      await handle.close();
      const manifest = await open(`${base}.json.partial`, 'wx', 0o600);
      try {
        await manifest.writeFile(JSON.stringify(artefactSchema.parse(artefact)));
        await manifest.sync();
      } finally {
        await manifest.close();
      }
      await rename(`${base}.json.partial`, `${base}.json`);
      await rename(partial, `${base}.${format}`);
      await syncFolder(folder);
      published = true;
    },
    async discard() {
      if (published) return;
      await handle.close().catch(() => undefined); // closed already when publishing failed
      await deleteArtefact(folder, actionId);
    },
  };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
