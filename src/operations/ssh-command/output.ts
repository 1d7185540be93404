import { createHash } from 'node:crypto';
import type { JsonObject } from '../../core/json.js';
import { COMMAND_LIMITS } from './params.js';

/** What a command wrote to one of its outputs. */
export interface CapturedOutput {
  /** The first bytes, as far as they are kept. */
  kept: Buffer;
  /** All of it. */
  bytes: number;
  /** Of all of it, lower-case hex. */
  sha256: string;
}

/** The wrapper's last line: how the command ended. */
export interface EndLine {
  reason: 'exit' | 'timeout' | 'stopped';
  exitCode: number | null;
  /** Processes that were still there when the command itself had ended. */
  leftProcesses: number;
}

// Longer than any end line.
const TAIL_BYTES = 256;

/** Takes an output in: keeps its beginning, counts and hashes the whole, and looks for an end line if given its nonce. */
export async function capture(
  chunks: AsyncIterable<Buffer>,
  nonce: string | null,
): Promise<CapturedOutput & { end: EndLine | null }> {
  const digest = createHash('sha256');
  const kept: Buffer[] = [];
  let bytes = 0;
  let keptBytes = 0;
  const take = (chunk: Buffer): void => {
    digest.update(chunk);
    bytes += chunk.length;
    const room = COMMAND_LIMITS.keptBytes - keptBytes;
    if (room <= 0) return;
    kept.push(Buffer.from(chunk.subarray(0, room)));
    keptBytes += Math.min(room, chunk.length);
  };
  // The last bytes are held back: they may be the wrapper's and not the command's.
  let tail = Buffer.alloc(0);
  for await (const chunk of chunks) {
    tail = Buffer.concat([tail, chunk]);
    if (tail.length <= TAIL_BYTES) continue;
    take(tail.subarray(0, tail.length - TAIL_BYTES));
    tail = tail.subarray(tail.length - TAIL_BYTES);
  }
  const found = nonce === null ? null : findEnd(tail, nonce);
  take(found === null ? tail : tail.subarray(0, found.at));
  return { kept: Buffer.concat(kept), bytes, sha256: digest.digest('hex'), end: found?.end ?? null };
}

/** How much there was of an output, for results. */
export function measureOf({ bytes, kept, sha256 }: CapturedOutput): JsonObject {
  return { bytes, keptBytes: kept.length, sha256 };
}

function findEnd(tail: Buffer, nonce: string): { at: number; end: EndLine } | null {
  const text = tail.toString('latin1');
  const match = /\ncountersign-end ([0-9a-f]+) (exit|timeout|stopped) (\d{1,3}|-) (\d{1,9})\n$/.exec(text);
  if (match?.[1] !== nonce) return null;
  const [, , reason, code, left] = match;
  const exitCode = code === '-' ? null : Number(code);
  return { at: match.index, end: { reason: reason as EndLine['reason'], exitCode, leftProcesses: Number(left) } };
}
