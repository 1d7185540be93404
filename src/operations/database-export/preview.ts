import type { Client } from 'pg';
import type { Flag, Preview } from '../../core/schemas/action.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import { findFlags } from './flags.js';
import { inspect, type Inspection } from './inspect.js';
import { nameForPeople, visibleJson } from './names-for-people.js';
import { EXPORT_LIMITS, type DatabaseExportParams } from './params.js';

const FACT_CHARS = 2_000;

export interface PreviewInput {
  params: DatabaseExportParams;
  target: PostgresTarget;
  pastExports: number;
  nowMs: number;
}

/** An export's preview, and the output columns by which an execution in the same transaction writes its file. */
export interface ExportPreview {
  preview: Preview;
  flags: Flag[];
  output: Inspection['output'];
}

/** Computes the preview in an open read-only session. Reads definitions and the planner's statistics, no row. */
export async function previewInSession(client: Client, input: PreviewInput): Promise<ExportPreview> {
  const { params, target } = input;
  const inspection = await inspect(client, params, target);
  const { estimate, touched } = inspection;
  const direct = touched.filter(({ relation }) => relation.direct).length;
  const preview: Preview = {
    summary: `Export of ${countOf(direct, 'table')} from ${target.name} (${target.environment}), about ${countOf(estimate.rows, 'row')}`,
    facts: factsOf(input, inspection),
    content: { language: 'sql', text: contentOf(params) },
    fingerprint: inspection.fingerprint,
    estimate: { rows: estimate.rows, bytes: estimate.bytes },
  };
  const flags = findFlags({ inspection, target, pastExports: input.pastExports, nowMs: input.nowMs });
  return { preview, flags, output: inspection.output };
}

function factsOf({ params, target }: PreviewInput, { touched, estimate, output }: Inspection): Preview['facts'] {
  const tables = touched.map(({ relation, columns }) => {
    const read = columns.length === 0 ? 'rows counted only' : columns.map(nameForPeople).join(', ');
    return `${nameForPeople(`${relation.schema}.${relation.name}`)}${relation.direct ? '' : ' (through a view or partition)'}: ${read}`;
  });
  return [
    { label: 'Target', value: `${target.name} (${target.environment}), database ${nameForPeople(target.database)}` },
    { label: 'Tables and columns read', value: fit(tables, '\n') },
    {
      label: 'Columns of the file',
      value: fit(
        output.map(({ name, type }) => `${nameForPeople(name)} ${nameForPeople(type)}`),
        ', ',
      ),
    },
    {
      label: 'Estimate',
      value: `about ${countOf(estimate.rows, 'row')}, ${countOf(estimate.bytes, 'byte')} (the planner's guess)`,
    },
    { label: 'Fails beyond', value: countOf(params.maxRows ?? EXPORT_LIMITS.rows, 'row') },
    { label: 'Format', value: params.format === 'csv' ? 'CSV' : 'NDJSON' },
    { label: 'Bound parameters', value: String(params.parameters?.length ?? 0) },
  ];
}

/** The query and all that is bound to it, whole. */
function contentOf({ query, parameters = [] }: DatabaseExportParams): string {
  if (parameters.length === 0) return query;
  const lines = parameters.map((value, index) => `-- $${String(index + 1)} = ${visibleJson(value)}`);
  return `${query}\n\n-- Parameters, bound by the server:\n${lines.join('\n')}`;
}

// Facts are a summary: what is left out is counted, and the content itself is always whole.
function fit(items: readonly string[], separator: string): string {
  if (items.length === 0) return 'none';
  const shown: string[] = [];
  let length = 0;
  for (const item of items) {
    length += item.length + separator.length;
    if (length > FACT_CHARS - 40) break;
    shown.push(item);
  }
  const more = items.length - shown.length;
  return more === 0 ? shown.join(separator) : [...shown, `and ${String(more)} more`].join(separator);
}

function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`;
}
