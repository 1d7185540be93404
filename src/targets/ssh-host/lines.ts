import type { Readable } from 'node:stream';

/** A stream of which the first lines are ours and all that follows is the command's. */
export interface LineReader {
  /** The next line without its end; null when the stream ended before one did. @throws RangeError for one of over 64 KiB. */
  line(): Promise<string | null>;
  /** What follows the lines read. */
  rest(): AsyncIterable<Buffer>;
}

const LINE_BYTES = 65_536;

export function readLines(stream: Readable): LineReader {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let held = Buffer.alloc(0);
  return {
    async line() {
      for (;;) {
        const end = held.indexOf(0x0a);
        if (end >= 0) {
          const line = held.subarray(0, end).toString('utf8');
          held = held.subarray(end + 1);
          return line;
        }
        if (held.length > LINE_BYTES) throw new RangeError('a line is longer than 64 KiB');
        const next = await chunks.next();
        if (next.done === true) return null;
        held = Buffer.concat([held, next.value]);
      }
    },
    async *rest() {
      if (held.length > 0) yield held;
      for (;;) {
        const next = await chunks.next();
        if (next.done === true) return;
        yield next.value;
      }
    },
  };
}
