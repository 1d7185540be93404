import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { statementBodySchemas, type StatementKind } from '../../../src/core/schemas/statements.js';
import { PLAN_ANNOTATIONS } from '../../../src/policy/annotations.js';
import { gatherRows } from '../../../src/reports/gather.js';
import { buildReport, type Report } from '../../../src/reports/report.js';
import { program } from '../cli/program.js';
import { idOf, signedAction, verifying, type Story } from '../../support/signed-action.js';

const page = async (name: string): Promise<string> =>
  readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const pages = [await page('compliance.md'), await page('reports.md')].join('\n');
const quoted = [...new Set([...pages.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text ?? ''))];

/** A report that has everything in it. */
async function fullReport(): Promise<Report> {
  const message = 'You may not decide on this.';
  const story: Story = {
    number: 1,
    requestedAtMs: 1_000_000_000,
    decisions: [{ person: 'olivia', afterMs: 5_000 }],
    startedAfterMs: 6_000,
    revokedAfterMs: 900_000,
    refusals: [{ code: 'self_approval', who: 'person/olivia', message }],
  };
  const broken: Story = {
    number: 2,
    requestedAtMs: story.requestedAtMs + 1,
    plan: { breakGlass: { stages: [{ group: 'sre', quorum: 2 }], leaseTtlSeconds: 300, reviewWithinMs: 86_400_000 } },
    decisions: ['erin', 'ulla'].map((person) => ({ person, afterMs: 2_000, groups: ['sre'], breakGlass: true })),
    glass: { by: ['erin', 'ulla'], afterMs: 3_000, dueAfterMs: 86_403_000 },
    startedAfterMs: 4_000,
  };
  const stories = [broken, story];
  const period = { fromMs: story.requestedAtMs, toMs: story.requestedAtMs + 86_400_000 };
  const source = {
    statementsBefore: async () => ({
      actions: await Promise.all(
        stories.map(async (one) => ({ actionId: idOf(one), statements: await signedAction(one) })),
      ),
      unreadable: [],
      next: null,
    }),
  };
  return buildReport(await gatherRows(source, { ...verifying, ...period, nowMs: period.toMs }), {
    ...period,
    generatedAtMs: period.toMs,
  });
}

const report = await fullReport();

/** Whether a JSON Schema has a field at a path. */
function hasPath(schema: unknown, path: readonly string[]): boolean {
  const { properties, anyOf, oneOf, items } = schema as Record<string, unknown>;
  const [first, ...rest] = path;
  if (first === undefined) return true;
  const branches = [...((anyOf ?? oneOf ?? []) as unknown[]), ...(items === undefined ? [] : [items])];
  const inner = (properties as Record<string, unknown> | undefined)?.[first];
  return (inner !== undefined && hasPath(inner, rest)) || branches.some((branch) => hasPath(branch, path));
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, step) => {
    const name = step.replace('[]', '');
    const next = (inner as Record<string, unknown> | undefined)?.[name];
    return step.endsWith('[]') ? (next as unknown[] | undefined)?.[0] : next;
  }, value);
}

const isKind = (name: string): name is StatementKind => Object.hasOwn(statementBodySchemas, name);
const fields = quoted.flatMap((text) => {
  const [kind = '', ...path] = text.split('.');
  return isKind(kind) && path.length > 0 ? [[text, kind, path] as const] : [];
});
const commands = quoted.filter((text) => text.startsWith('countersign '));
const annotations = quoted.filter((text) => text.startsWith('@') && text !== '@name');
const reported = quoted.filter((text) => /^report\.\w/.test(text));

describe('docs/compliance.md and docs/reports.md', () => {
  it('name something of every sort', () => {
    expect([fields.length > 20, commands.length > 5, annotations.length > 2, reported.length > 5]).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it.each(fields)('%s is a field of a statement', async (_text, kind, path) => {
    const { z } = await import('zod');
    expect(hasPath(z.toJSONSchema(statementBodySchemas[kind], { unrepresentable: 'any' }), path)).toBe(true);
  });

  it.each(commands)('%s is a command, with these options', (text) => {
    const words = text.split(' ').slice(1);
    let command: Command | undefined = program;
    for (const word of words) {
      if (word.startsWith('-')) break;
      command = command?.commands.find((child) => child.name() === word);
    }
    expect(command).toBeDefined();
    for (const option of words.filter((word) => word.startsWith('-')))
      expect(command?.options.map(({ short, long }) => [short, long]).flat()).toContain(option);
  });

  it.each(annotations)('%s is an annotation of a permit', (text) => {
    expect(PLAN_ANNOTATIONS).toContain(text.slice(1));
  });

  it.each(reported)('%s is in the report', (text) => {
    const found = valueAt(report, text.split('.').slice(1));
    expect(found).toBeDefined();
    expect(found).not.toEqual([]);
  });

  it('claims nothing in both tables', async () => {
    const [evidenced = '', helped = ''] = (await page('compliance.md')).split('## Only helped with');
    const controls = (text: string): string[] =>
      text.match(/\b(?:CC\d\.\d|A\.\d+\.\d+|[A-Z]{2}-\d+(?:\(\d+\))?)(?=[\s;:,|*])/g) ?? [];
    const claimed = new Set(controls(evidenced));
    expect(claimed.size).toBeGreaterThan(15);
    expect(controls(helped).filter((control) => claimed.has(control))).toEqual([]);
  });
});
