import { createHash, type Hash } from 'node:crypto';
import type { Client } from 'pg';
import QueryStream from 'pg-query-stream';
import { ServiceFault } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import type { DatabaseLogin } from '../../vault/credentials/database.js';
import { createArtefactWriter } from '../artefacts.js';
import type { ExecuteContext } from '../operation.js';
import { encoderFor, type RowEncoder, type TextRow } from './encode-rows.js';
import { EXPORT_LIMITS, type DatabaseExportParams } from './params.js';
import { previewInSession, type ExportPreview } from './preview.js';
import { withReadOnlySession } from './session.js';

type ExportContext = ExecuteContext<DatabaseExportParams, PostgresTarget, DatabaseLogin>;

const CHUNK_CHARS = 65_536;
const BATCH_BYTES = 1_048_576;
const PROGRESS_ROWS = 50_000;

/**
 * Exports under the leased user: previews again in the same transaction, begins the effect, then streams into the file.
 * A failure leaves no file. Messages after the effect began name the SQLSTATE only, for the server's quote data.
 */
export async function executeExport(context: ExportContext): Promise<JsonObject> {
  const { params, target, credential, signal } = context;
  const nowMs = Date.now();
  let begun = false;
  const session = { target, credential, signal, timeoutMs: credential.expiresAtMs - nowMs, quoteServer: () => !begun };
  return withReadOnlySession(session, async (client) => {
    const now = await previewInSession(client, { params, target, pastExports: 1, nowMs });
    await context.beginEffect({ preview: now.preview, flags: now.flags });
    begun = true;
    return writeFile(client, context, now);
  });
}

async function writeFile(
  client: Client,
  context: ExportContext,
  { preview, output }: ExportPreview,
): Promise<JsonObject> {
  const { actionId, artefactsDir, params, retainUntilMs } = context;
  const { format } = params;
  const writer = await createArtefactWriter(artefactsDir, actionId, format);
  try {
    const count: Count = { rows: 0, bytes: 0, digest: createHash('sha256') };
    const rows = client.query(new RowStream(params.query, params.parameters ?? [], batchRows(preview.estimate)));
    await writer.write(encode(rows, encoderFor(format, output), count, context));
    const facts = { sha256: count.digest.digest('hex'), bytes: count.bytes, rows: count.rows, format };
    const columns = output.map(({ name, type }) => ({ name, type }));
    await writer.publish({ ...facts, retainUntilMs, details: { columns } });
    return { file: `${actionId}.${format}`, ...facts, columns };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

interface Count {
  rows: number;
  bytes: number;
  digest: Hash;
}

async function* encode(
  rows: AsyncIterable<TextRow>,
  encoder: RowEncoder,
  count: Count,
  { params, signal, progress }: Pick<ExportContext, 'params' | 'signal' | 'progress'>,
): AsyncGenerator<Uint8Array> {
  const maxRows = params.maxRows ?? EXPORT_LIMITS.rows;
  const flush = (text: string): Uint8Array => {
    const chunk = Buffer.from(text);
    count.bytes += chunk.length;
    count.digest.update(chunk);
    return chunk;
  };
  let text = encoder.header;
  for await (const row of rows) {
    count.rows += 1;
    if (count.rows > maxRows) {
      throw new ServiceFault(
        'target',
        `The query yields more than ${maxRows.toLocaleString('en-US')} rows, the most this request allows; no file was kept.`,
        false,
      );
    }
    text += encoder.row(row);
    if (count.rows % PROGRESS_ROWS === 0) progress({ rows: count.rows, bytes: count.bytes });
    if (text.length < CHUNK_CHARS) continue;
    signal.throwIfAborted();
    yield flush(text);
    text = '';
  }
  if (text !== '') yield flush(text);
}

// Wide rows come in small batches: a batch is what is held in memory.
function batchRows(estimate: JsonObject): number {
  const { rows, bytes } = estimate;
  const width = typeof rows === 'number' && typeof bytes === 'number' && rows > 0 ? bytes / rows : 0;
  return Math.min(1_000, Math.max(10, Math.floor(BATCH_BYTES / Math.max(1, width))));
}

class RowStream extends QueryStream {
  constructor(query: string, parameters: readonly unknown[], batchSize: number) {
    // Every value as the server's own text: nothing is rounded or reformatted.
    super(query, [...parameters], {
      batchSize,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value },
    });
  }

  // The session ends after the stream. The original waits for an answer that a lost connection never gives.
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    done(error);
  }
}
