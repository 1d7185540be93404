import { payloadDigest, type Envelope } from '../../src/core/dsse.js';
import type { ProcessName, StatementKind } from '../../src/core/schemas/statements.js';
import type { Stack } from '../support/stack.js';

/** Writes a row into the record as PostgreSQL's superuser, at the end of a process's chain. */
export async function plantStatement(
  { installation }: Pick<Stack, 'installation'>,
  planted: { kind: StatementKind; actionId: string | null; envelope: Envelope; process: ProcessName; key?: string },
): Promise<void> {
  const { kind, actionId, envelope, process, key = null } = planted;
  await installation.inRecord(async (client) => {
    await client.query(
      `insert into countersign.statements (kind, action_id, digest, process, number, previous, envelope, key)
       select $1, $2, $3, $4, coalesce(max(number), 0) + 1,
              coalesce((select digest from countersign.statements where process = $4 order by number desc limit 1), repeat('0', 64)), $5, $6
       from countersign.statements where process = $4`,
      [kind, actionId, payloadDigest(envelope), process, JSON.stringify(envelope), key],
    );
  });
}
