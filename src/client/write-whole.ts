import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What was written. */
export interface Written {
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
}

/**
 * Writes a stream into a file that only this user can read, and that is there only once it is complete: until then it is
 * `<path>.part`, of which a failure leaves nothing.
 * @param accept throws when what arrived is not to be kept; default: it is.
 */
export async function writeWhole(
  source: ReadableStream<Uint8Array>,
  path: string,
  accept: (written: Written) => void = () => undefined,
): Promise<Written> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  const part = `${path}.part`;
  try {
    await pipeline(source, measure, createWriteStream(part, { flags: 'w', mode: 0o600 }));
    const written = { bytes, sha256: hash.digest('hex') };
    accept(written);
    await rename(part, path);
    return written;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
