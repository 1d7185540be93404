import type pg from 'pg';
import type { ProcessName } from '../../core/schemas/statements.js';
import type { Recorded } from '../record.js';
import { query } from './pool.js';
import { recordedFrom, STATEMENT_COLUMNS, type StatementRow, type Verify } from './statement-rows.js';

const ADOPTIONS_OF = {
  name: 'adoptions-of-process',
  text: `select ${STATEMENT_COLUMNS} from countersign.statements
    where kind = 'adoption' and process = $1 order by sequence`,
};

/** All policy bundles that processes of this kind took in force, oldest first; every signature is verified. */
export async function readAdoptions(
  pool: pg.Pool,
  process: ProcessName,
  verify: Verify,
): Promise<Recorded<'adoption'>[]> {
  const rows = await query<StatementRow>(pool, ADOPTIONS_OF, [process]);
  return rows.map((row) => recordedFrom(row, verify) as Recorded<'adoption'>);
}
