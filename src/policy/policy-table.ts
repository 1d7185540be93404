import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { Refusal } from '../core/errors.js';
import { flagSchema, type ReviewPlan } from '../core/schemas/action.js';
import { formatProblem, readYaml, type SourceFile } from '../directory/yaml-source.js';
import { writeBreakGlass } from './break-glass.js';
import { formatDuration } from './duration.js';
import type { Policy, PolicyQuestion } from './policy.js';

const questionFields = {
  /** Numbers of a table go up, so that a failing case is easily found. */
  case: z.int().positive(),
  name: z.string().min(1).max(200),
  agent: z.string(),
  operation: z.string(),
  target: z.string(),
  /** Severity by code. */
  flags: z.record(flagSchema.shape.code, flagSchema.shape.severity).default({}),
};

const refusedSchema = z.strictObject({
  allowed: z.literal(false),
  code: z.string().optional(),
  /** A part of the reason. */
  because: z.string().optional(),
});
const verdictSchema = z.discriminatedUnion('allowed', [
  refusedSchema,
  z.strictObject({ allowed: z.literal(true), policies: z.array(z.string()).optional() }),
]);
const reviewSchema = z.discriminatedUnion('allowed', [
  refusedSchema,
  z.strictObject({
    allowed: z.literal(true),
    /** As in the annotations: `dba:1 & lead:1` by group, or `none`. Required, so that no case forgets it. */
    review: z.string(),
    escalate: z.string().optional(),
    /** `none`, or a duration. */
    remind: z.string().optional(),
    expire: z.string().optional(),
    lease: z.string().optional(),
    /** As in the annotation, or `none`. */
    breakglass: z.string().optional(),
    policies: z.array(z.string()).optional(),
  }),
]);

const caseSchema = z.discriminatedUnion('ask', [
  z.strictObject({ ...questionFields, ask: z.literal('request'), expect: verdictSchema }),
  z.strictObject({ ...questionFields, ask: z.literal('review'), expect: reviewSchema }),
  z.strictObject({ ...questionFields, ask: z.literal('approve'), person: z.string(), expect: verdictSchema }),
]);
const tableSchema = z.strictObject({ cases: z.array(caseSchema).min(1).max(1_000) });

type TableCase = z.infer<typeof caseSchema>;

/** How one case of a table went. */
export interface CaseResult {
  case: number;
  name: string;
  /** `path:line` of the case. */
  at: string;
  /** One line for each difference. Empty: passed. */
  differences: string[];
}

/**
 * Asks a policy every question of a table and compares the answers.
 * @throws Refusal `bundle_invalid` when the table itself is malformed.
 */
export function runPolicyTable(policy: Policy, source: SourceFile): CaseResult[] {
  const yaml = readYaml(source, tableSchema);
  const table = yaml.value;
  const problems = [...yaml.problems];
  for (const [index, { case: number }] of (table?.cases ?? []).entries()) {
    if (index > 0 && number <= (table?.cases[index - 1]?.case ?? 0)) {
      problems.push(
        yaml.problem(
          ['cases', index, 'case'],
          `case ${String(number)} does not come after the one before it: number cases upwards`,
        ),
      );
    }
  }
  if (table === null || problems.length > 0) {
    throw new Refusal('bundle_invalid', problems.map(formatProblem).join('\n'), problems[0]?.at ?? null);
  }
  return table.cases.map((row, index) => ({
    case: row.case,
    name: row.name,
    at: yaml.problem(['cases', index], '').at,
    differences: compare(row.expect, answerTo(policy, row)),
  }));
}

type Answer = Record<string, string | boolean | readonly string[]>;

function answerTo(policy: Policy, row: TableCase): Answer {
  const question = questionOf(policy, row);
  switch (row.ask) {
    case 'request':
      return { ...policy.mayRequest(question) };
    case 'approve':
      return { ...policy.mayApprove({ ...question, person: row.person }) };
    case 'review': {
      const verdict = policy.review(question);
      return verdict.allowed ? { allowed: true, ...writtenOut(verdict.plan) } : { ...verdict };
    }
  }
}

function questionOf(policy: Policy, row: TableCase): PolicyQuestion {
  const target = policy.target(row.target);
  return {
    agent: row.agent,
    operation: row.operation,
    target: { kind: target?.kind ?? 'postgres', name: row.target, environment: target?.environment ?? 'unknown' },
    flags: Object.entries(row.flags).map(([code, severity]) => ({
      code,
      severity,
      sentence: `Found by case ${String(row.case)}.`,
    })),
    nowMs: 0,
  };
}

/** A plan in the words of the annotations, groups in canonical order. */
function writtenOut(plan: ReviewPlan): Answer {
  const stages = plan.stages.map(({ group, quorum }) => `${group}:${String(quorum)}`);
  return {
    review: stages.length === 0 ? 'none' : stages.join(' & '),
    escalate: plan.escalations.map(({ afterMs, group }) => `${formatDuration(afterMs)}:${group}`).join(', '),
    remind: plan.remindAfterMs === null ? 'none' : formatDuration(plan.remindAfterMs),
    expire: formatDuration(plan.expireAfterMs),
    lease: formatDuration(plan.leaseTtlSeconds * 1_000),
    breakglass: plan.breakGlass === undefined ? 'none' : writeBreakGlass(plan.breakGlass),
    policies: plan.policies,
  };
}

function compare(expected: TableCase['expect'], actual: Answer): string[] {
  if (expected.allowed !== actual['allowed']) {
    const said =
      actual['allowed'] === true ? 'allowed' : `refused (${String(actual['code'])}: ${String(actual['because'])})`;
    return [`expected ${expected.allowed ? 'allowed' : 'refused'}, was ${said}`];
  }
  return Object.entries(expected).flatMap(([field, want]) => {
    if (want === undefined) return [];
    const have = actual[field];
    const same = field === 'because' ? String(have).includes(String(want)) : isDeepStrictEqual(have, want);
    return same ? [] : [`${field}: expected ${JSON.stringify(want)}, was ${JSON.stringify(have)}`];
  });
}
