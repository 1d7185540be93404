import type { Client } from 'pg';
import { z } from 'zod';
import { Refusal, ServiceFault } from '../../core/errors.js';
import { digestOf } from '../../core/json.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import { readDefinitions } from './definitions.js';
import { describeStatement, type OutputColumn } from './describe-statement.js';
import { nameForPeople } from './names-for-people.js';
import type { DatabaseExportParams } from './params.js';
import { guardSelect } from './select-guard.js';
import { guardOnServer } from './server-guard.js';
import { hasStar, touchedColumns, unfilteredTables, type Touched } from './touched-columns.js';

/** What the server says of a query without running it. */
export interface Inspection {
  touched: Touched[];
  /** Tables read without a condition. */
  unfiltered: string[];
  hasStar: boolean;
  output: OutputColumn[];
  /** The planner's guess. */
  estimate: { rows: number; bytes: number };
  fingerprint: string;
}

const planSchema = z.tuple([z.object({ Plan: z.object({ 'Plan Rows': z.number(), 'Plan Width': z.number() }) })]);

/**
 * Inspects a query in an open read-only transaction. EXPLAIN locks what the query reads until the transaction ends, so
 * the definitions read after it are those that an execution in the same transaction meets.
 * @throws Refusal when the query may not run, or its output has no form in the format asked for.
 */
export async function inspect(
  client: Client,
  params: DatabaseExportParams,
  target: PostgresTarget,
): Promise<Inspection> {
  const parameters = params.parameters ?? [];
  const select = await guardSelect(params.query, parameters.length, target.allowedFunctions);
  const functionOids = await guardOnServer(client, select, target.allowedFunctions);
  // The guard proved that this is one SELECT, so the prefix cannot be escaped; EXPLAIN runs nothing.
  const explained = await client.query<{ 'QUERY PLAN': unknown }>(`EXPLAIN (FORMAT JSON) ${params.query}`, parameters);
  const plan = planSchema.safeParse(explained.rows[0]?.['QUERY PLAN']);
  if (!plan.success)
    throw new ServiceFault('target', `${target.name} answered EXPLAIN in a form that is not known.`, false);
  const { 'Plan Rows': rows, 'Plan Width': width } = plan.data[0].Plan;
  const output = await describeStatement(client, params.query);
  checkOutput(output, params.format);
  const definitions = await readDefinitions(client, select.relations, functionOids);
  return {
    touched: touchedColumns(select.tree, definitions.relations),
    unfiltered: unfilteredTables(select.tree, definitions.relations),
    hasStar: hasStar(select.tree),
    output,
    estimate: { rows: Math.round(rows), bytes: Math.round(rows * width) },
    fingerprint: digestOf({
      target: { name: target.name, host: target.host, port: target.port, database: target.database },
      definitions: definitions.digest,
      output: output.map(({ name, type }) => [name, type]),
    }),
  };
}

function checkOutput(output: readonly OutputColumn[], format: DatabaseExportParams['format']): void {
  if (output.length === 0) throw new Refusal('query_forbidden', 'The query has no output columns.', 'params.query');
  const twice = output.find(({ name }, index) => output.findIndex((other) => other.name === name) < index);
  if (twice === undefined || format === 'csv') return;
  throw new Refusal(
    'query_forbidden',
    `Two output columns are named "${nameForPeople(twice.name)}", and an NDJSON object has each name once: rename one with AS.`,
    'params.query',
  );
}
