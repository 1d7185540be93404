import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { Refusal } from '../core/errors.js';
import { CONTENT_LIMIT_BYTES, ContentRemoved, type Contents, type DataKeys } from './contents.js';
import { query } from './postgres/pool.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface Sealed {
  wrapped_key: string;
  nonce: Buffer;
  /** The ciphertext, then the tag. */
  sealed: Buffer;
}

export interface ContentsOptions {
  /** The caller's. */
  pool: pg.Pool;
  keys: DataKeys;
  /** Whether what is got is needed by a request of now: its retention time begins anew. Default: no. */
  getsForRequests?: boolean;
}

// Retention is counted in days.
const USED =
  "update countersign.contents set used_at = default where digest = $1 and used_at < clock_timestamp() - interval '1 day'";

/** The content store in PostgreSQL: AES-256-GCM under a key for each thing, which the wrapping key in Vault opens. */
export function createContents({ pool, keys, getsForRequests = false }: ContentsOptions): Contents {
  const find = async (sha256: string): Promise<Sealed | undefined> => {
    const text = 'select wrapped_key, nonce, sealed from countersign.contents where digest = $1';
    return (await query<Sealed>(pool, text, [sha256]))[0];
  };

  return {
    async put(bytes) {
      if (bytes.length > CONTENT_LIMIT_BYTES) {
        throw new Refusal('content_too_large', `At most ${String(CONTENT_LIMIT_BYTES)} bytes can be kept.`);
      }
      const sha256 = digestOfBytes(bytes);
      const known = await find(sha256);
      if (known !== undefined) {
        await unseal(sha256, known, keys);
        await query(pool, USED, [sha256]);
        return sha256;
      }
      const { wrapped_key, nonce, sealed } = await seal(sha256, bytes, keys);
      await query(
        pool,
        'insert into countersign.contents (digest, wrapped_key, nonce, sealed) values ($1, $2, $3, $4) on conflict do nothing',
        [sha256, wrapped_key, nonce, sealed],
      );
      return sha256;
    },
    async get(sha256) {
      const found = await find(sha256);
      if (found === undefined) throw await whyMissing(pool, sha256);
      if (getsForRequests) await query(pool, USED, [sha256]);
      return unseal(sha256, found, keys);
    },
    async isUploadedBy(sha256, agent) {
      const text = 'select from countersign.source_uploads where digest = $1 and agent = $2';
      return (await query(pool, text, [sha256, agent])).length > 0;
    },
  };
}

async function whyMissing(pool: pg.Pool, sha256: string): Promise<Refusal> {
  const text =
    'select (extract(epoch from removed_at) * 1000)::bigint as at from countersign.content_removals where digest = $1 order by 1 desc limit 1';
  const [removed] = await query<{ at: string }>(pool, text, [sha256]);
  return removed === undefined
    ? new Refusal('content_missing', `Nothing is kept under the digest ${sha256}.`)
    : new ContentRemoved(Number(removed.at));
}

async function seal(sha256: string, bytes: Uint8Array, keys: DataKeys): Promise<Sealed> {
  const { key, wrapped } = await keys.make();
  try {
    const nonce = randomBytes(NONCE_BYTES);
    // Bound to its digest: under another one it does not open.
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(sha256, 'hex'));
    const sealed = Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    return { wrapped_key: wrapped, nonce, sealed };
  } finally {
    key.fill(0);
  }
}

async function unseal(sha256: string, { wrapped_key, nonce, sealed }: Sealed, keys: DataKeys): Promise<Uint8Array> {
  const key = await keys.unwrap(wrapped_key);
  if (key === null) throw corrupt(sha256);
  try {
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(sha256, 'hex'))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    const bytes = Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
    // Whoever may insert could have sealed other bytes under this digest.
    if (digestOfBytes(bytes) !== sha256) throw corrupt(sha256);
    return bytes;
  } catch (error) {
    throw error instanceof Refusal ? error : corrupt(sha256);
  } finally {
    key.fill(0);
  }
}

function corrupt(sha256: string): Refusal {
  return new Refusal('content_corrupt', `What is kept under the digest ${sha256} is not what was put there.`);
}

/** By OpenSSL: the pure one takes a second for the largest thing. */
function digestOfBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
