import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { StatementBody, StatementKind } from '../../../src/core/schemas/statements.js';
import { buildEvent, type About } from '../../../src/siem/ocsf/event.js';
import { mapStatement } from '../../../src/siem/ocsf/map-statement.js';
import { ACTION_ID, samples } from './samples.js';

const text = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'siem.md'), 'utf8');
const about: About = {
  index: 4_120,
  leafHash: 'cd'.repeat(32),
  digest: 'ef'.repeat(32),
  kind: 'request',
  actionId: ACTION_ID,
  recordedAtMs: 1_795_000_000_500,
  process: 'gateway',
  action: { agent: 'export-bot', operation: 'database.export', target: null, change: null },
};

function eventOf<K extends StatementKind>(kind: K, body: StatementBody<K>) {
  return buildEvent({ ...about, kind }, mapStatement(kind, body, { ...about, kind }));
}

const kinds = Object.keys(samples) as StatementKind[];

it.each(kinds)('docs/siem.md says what becomes of a %s', (kind) => {
  const events = samples[kind].map((body) => eventOf(kind, body));
  const classes = [...new Set(events.map((event) => `${String(event.class_uid)} ${event.activity_name}`))];
  const row = new RegExp(`^\\| \`${kind}\` +\\| (.*?) +\\| (.*?) +\\|$`, 'm').exec(text);
  expect(row?.[1]?.replace('; IAM: 3001, 3005, 3004', '')).toBe(classes.join(', '));
  expect(row?.[2]).toBe(events[0]?.message);
});

it('docs/siem.md shows an event as it is', () => {
  const shown = /^```json\n(.*?)^```/ms.exec(text)?.[1] ?? '';
  expect(JSON.parse(shown)).toEqual(eventOf('decision', samples.decision[1] as StatementBody<'decision'>));
});
