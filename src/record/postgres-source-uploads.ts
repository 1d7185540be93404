import { createHash } from 'node:crypto';
import type pg from 'pg';
import { Refusal } from '../core/errors.js';
import type { Contents } from './contents.js';
import { inTransaction } from './postgres/pool.js';
import { SOURCE_LIMITS, type SourceLimits, type SourceUploads } from './source-uploads.js';

export interface SourceUploadsOptions {
  /** The caller's. */
  pool: pg.Pool;
  contents: Pick<Contents, 'put'>;
  /** Default: SOURCE_LIMITS. */
  limits?: SourceLimits;
}

/** Uploads in PostgreSQL. Whose they are is noted first: what is kept has been counted. */
export function createSourceUploads({ pool, contents, limits = SOURCE_LIMITS }: SourceUploadsOptions): SourceUploads {
  return {
    async put(agent, sha256, bytes) {
      if (bytes.length > limits.bytes)
        throw new Refusal('content_too_large', `A source has at most ${String(limits.bytes)} bytes.`);
      if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        throw new Refusal('digest_mismatch', 'The bytes are not those of the digest in the address.', 'sha256');
      const isNoted = await inTransaction(pool, (client) =>
        note(client, { agent, sha256, bytes: bytes.length }, limits),
      );
      if (!isNoted) throw overQuota(limits);
      await contents.put(bytes);
    },
  };
}

async function note(
  client: pg.PoolClient,
  { agent, sha256, bytes }: { agent: string; sha256: string; bytes: number },
  { bytesPerDay, countPerDay }: SourceLimits,
): Promise<boolean> {
  // One at a time for each agent, whatever gateway it comes to: together they cannot overrun the quota.
  await client.query('begin isolation level read committed');
  await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`countersign.source/${agent}`]);
  const known = 'select from countersign.source_uploads where digest = $1 and agent = $2';
  if ((await client.query(known, [sha256, agent])).rowCount === 1) return true;
  const { rowCount } = await client.query(
    `insert into countersign.source_uploads (digest, agent, bytes)
     select $1::text, $2::text, $3::int
      where (select coalesce(sum(bytes), 0) + $3::int <= $4::bigint and count(*) < $5::bigint
               from countersign.source_uploads where agent = $2::text and uploaded_at > clock_timestamp() - interval '1 day')`,
    [sha256, agent, bytes, bytesPerDay, countPerDay],
  );
  return rowCount === 1;
}

function overQuota({ bytesPerDay, countPerDay }: SourceLimits): Refusal {
  return new Refusal(
    'quota_exceeded',
    `An agent uploads at most ${String(countPerDay)} sources and ${String(bytesPerDay)} bytes in 24 hours: wait.`,
  );
}
