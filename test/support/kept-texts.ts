import { expect } from 'vitest';
import { clearHistoryOf } from './clear-history.js';
import type { Stack } from './stack.js';

/**
 * All that is kept of the actions of a stack: each row of the record and each history, as they lie there and in clear, with
 * what is folded into base64 in them. Asks for an action by `PLAIN_EXPORT`: what is certainly there is found, and so would be
 * what must not be.
 */
export async function keptTexts({ installation, client }: Pick<Stack, 'installation' | 'client'>): Promise<string[]> {
  const tables = await installation.inRecord(async (record) => {
    const { rows } = await record.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'countersign'",
    );
    const texts: string[] = [];
    for (const { name } of rows) {
      const all = await record.query<{ text: string }>(`select t::text as text from countersign.${name} t`);
      texts.push(...all.rows.map(({ text }) => text));
    }
    return texts.join('\n');
  });
  const histories: string[] = [];
  for await (const run of client.workflow.list()) {
    const history = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
    const clear = await clearHistoryOf(client, run.workflowId, run.runId);
    histories.push(JSON.stringify(history), JSON.stringify(clear));
  }
  const statements = decoded(tables, /payload"+: ?"+([A-Za-z0-9+/=]+)"/g);
  const payloads = decoded(histories.join('\n'), /"data":"([A-Za-z0-9+/=]+)"/g);
  const sealed = decoded(payloads, /"payload":"([A-Za-z0-9+/=]+)"/g);
  expect(statements).toContain('Monthly report');
  expect(payloads).toContain('"payloadType"');
  expect(sealed).toContain('Monthly report');
  return [tables, statements, ...histories, payloads, sealed];
}

function decoded(text: string, member: RegExp): string {
  return [...text.matchAll(member)].map(([, base64 = '']) => Buffer.from(base64, 'base64').toString()).join('\n');
}
