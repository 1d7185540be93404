import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseCheckpoint, type Checkpoint } from '../../../src/ledger/checkpoint.js';
import { failed, ok, reasonOf, skipped, warned, type Finding } from './finding.js';
import { recordClient } from './postgres.js';

const WHAT = 'Ledger: mirror';

/**
 * Whether the ledger is kept outside the database, and goes on from there: of a ledger whose end was cut off, together with
 * the statements, the database itself knows nothing. Signatures are judged by `countersign verify`, not here.
 */
export async function checkMirror(folder: string | undefined, recordUrl: string | undefined): Promise<Finding[]> {
  if (recordUrl === undefined) return [skipped(WHAT, 'COUNTERSIGN_RECORD_URL')];
  if (folder === undefined) {
    const found =
      'this environment names no folder. Without one, a database that was put back, or whose newest statements were removed, looks whole after the notary’s next start';
    const advice =
      'Set COUNTERSIGN_LEDGER_MIRROR_DIR of the notary to a folder where the database’s administrators do not reach (docs/ledger.md). If it has one, run doctor with the notary’s environment.';
    return [warned(WHAT, found, advice)];
  }
  const mirrored = await checkpointIn(folder);
  if (mirrored === null) {
    const advice =
      'Look whether a notary runs with this folder and may write it; it puts a checkpoint there within seconds.';
    return [failed(WHAT, `${folder} holds no checkpoint of a ledger`, advice)];
  }
  try {
    return [compared(mirrored, await sizeInRecord(recordUrl))];
  } catch (error) {
    // What is wrong there has a finding of its own.
    return [
      {
        what: WHAT,
        status: 'skipped',
        found: `not compared: the record did not say how long the ledger is (${reasonOf(error)})`,
        advice: null,
      },
    ];
  }
}

function compared({ origin, size }: Checkpoint, recorded: number): Finding {
  if (size <= recorded)
    return ok(
      WHAT,
      `${origin}: ${String(size)} of ${String(recorded)} entries; whether they hold, countersign verify says`,
    );
  return failed(
    WHAT,
    `${origin}: a checkpoint of ${String(size)} entries was signed, the record has ${String(recorded)}: its end was cut off, or a backup was put back`,
    'Keep the folder as it is, and do as docs/ledger.md says of the alarm ledger_truncated.',
  );
}

async function checkpointIn(folder: string): Promise<Checkpoint | null> {
  try {
    const [text = ''] = (await readFile(join(folder, 'checkpoint'), 'utf8')).split('\n\n', 1);
    return parseCheckpoint(`${text}\n`);
  } catch {
    return null;
  }
}

async function sizeInRecord(url: string): Promise<number> {
  const client = recordClient(url);
  try {
    await client.connect();
    const { rows } = await client.query<{ size: string | null }>(
      'select max(size) as size from countersign.ledger_checkpoints',
    );
    return Number(rows[0]?.size ?? 0);
  } finally {
    await client.end();
  }
}
