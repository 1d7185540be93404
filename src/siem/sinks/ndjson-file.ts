import { constants } from 'node:fs';
import { open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { SinkFault, type OpenSink, type SiemEvent, type SinkKind } from '../sink.js';
import { filePath, sinkName } from './settings.js';

const MEBIBYTE = 1_048_576;
const HOUR_MS = 3_600_000;
const CHUNK_BYTES = 65_536;

const schema = z.strictObject({
  kind: z.literal('ndjson-file'),
  name: sinkName,
  /** Its folder must exist. */
  path: filePath.refine((path) => path.endsWith('.ndjson'), 'must end with .ndjson'),
  /** A file that would grow beyond this is put aside. */
  rotateMebibytes: z.int().min(1).max(10_240).default(64),
  rotateHours: z.int().min(1).max(8_760).default(24),
  /** How many that were put aside stay; absent: all. */
  keepFiles: z.int().min(1).max(100_000).optional(),
});
type Settings = z.infer<typeof schema>;

/** One event a line in a file that only its owner may read, synced to the disk before it counts as sent. */
export const siemSink: SinkKind<Settings> = {
  kind: 'ndjson-file',
  schema,
  resendAfterBreak: () => 0,
  async open(settings, { clock }) {
    try {
      return await openFile(settings, clock);
    } catch (error) {
      throw faultOf(settings.path, error);
    }
  },
};

interface Current {
  handle: FileHandle;
  bytes: number;
  sinceMs: number;
}

async function openFile(settings: Settings, clock: () => number): Promise<OpenSink> {
  const { path, rotateMebibytes, rotateHours } = settings;
  let current = await openCurrent(path, clock);
  const append = async (events: readonly SiemEvent[]): Promise<void> => {
    const lines = Buffer.from(events.map(({ json }) => `${json}\n`).join(''));
    const isFull = current.bytes + lines.length > rotateMebibytes * MEBIBYTE;
    const isOld = clock() - current.sinceMs > rotateHours * HOUR_MS;
    if (current.bytes > 0 && (isFull || isOld)) {
      await current.handle.close();
      await putAside(settings, clock());
      current = await openCurrent(path, clock);
    }
    await current.handle.appendFile(lines);
    await current.handle.sync();
    current.bytes += lines.length;
  };
  return {
    async send(events) {
      try {
        await append(events);
        return [];
      } catch (error) {
        throw faultOf(path, error);
      }
    },
    isAlive: () => true,
    async close() {
      await current.handle.close().catch(() => undefined);
    },
  };
}

/** The file, without the part of a line that a kill or a full disk left at its end. */
async function openCurrent(path: string, clock: () => number): Promise<Current> {
  // A link in its place could lead the events elsewhere.
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  const handle = await open(path, flags, 0o600);
  try {
    const { size, birthtimeMs, mtimeMs } = await handle.stat();
    const bytes = await endOfLastLine(handle, size);
    if (bytes < size) await handle.truncate(bytes);
    await syncFolder(path);
    // Not every file system knows when a file was made.
    const sinceMs = bytes === 0 ? clock() : birthtimeMs || mtimeMs;
    return { handle, bytes, sinceMs };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let end = size; end > 0; end -= CHUNK_BYTES) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    const at = chunk.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (at >= 0) return start + at + 1;
  }
  return 0;
}

/** `events.ndjson` becomes `events.20261123T050000.000Z.ndjson`, beside it. */
async function putAside({ path, keepFiles }: Settings, nowMs: number): Promise<void> {
  const stem = path.slice(0, -'.ndjson'.length);
  let atMs = nowMs;
  const named = (): string => `${stem}.${new Date(atMs).toISOString().replace(/[-:]/g, '')}.ndjson`;
  // Two in one millisecond: neither may replace the other.
  while (await exists(named())) atMs += 1;
  await rename(path, named());
  await syncFolder(path);
  if (keepFiles === undefined) return;
  const folder = dirname(path);
  const prefix = `${basename(stem)}.`;
  const aside = (await readdir(folder))
    .filter((name) => name.startsWith(prefix) && /^\d{8}T\d{6}\.\d{3}Z\.ndjson$/.test(name.slice(prefix.length)))
    .sort();
  for (const name of aside.slice(0, Math.max(0, aside.length - keepFiles))) await unlink(join(folder, name));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** A new name is lost with the power unless its folder is synced too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function faultOf(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  return new SinkFault(`${path} cannot be written (${String(error.code)}).`, null, { cause: error });
}
