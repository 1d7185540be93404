import { z } from 'zod';
import { actionViewSchema } from '../../../src/client/answers.js';
import { flagSchema } from '../../../src/core/schemas/action.js';
import { nameSchema } from '../../../src/core/schemas/primitives.js';
import type { RecordedRequest } from '../../../src/policy/compare/comparison.js';
import type { Policy } from '../../../src/policy/policy.js';
import { withTaint } from '../../../src/policy/taint.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { UsageError } from '../exit-codes.js';

/** A question as the tables of cases ask it. */
const questionSchema = z.strictObject({
  agent: nameSchema,
  operation: nameSchema,
  /** Name in `targets.yaml`. */
  target: nameSchema,
  /** Severity by code. */
  flags: z.record(flagSchema.shape.code, flagSchema.shape.severity).default({}),
  tainted: z.boolean().default(false),
});

const fileSchema = z.union([
  z
    .array(z.union([questionSchema, actionViewSchema]))
    .min(1)
    .max(1_000),
  questionSchema,
  actionViewSchema,
]);

/**
 * Requests of a file: questions, or actions as `countersign show --json` prints them; one or a list of them.
 * @throws UsageError when it holds anything else.
 */
export function parseRequests(
  text: string,
  path: string,
  { policy, nowMs }: { policy: Policy; nowMs: number },
): RecordedRequest[] {
  const parsed = fileSchema.safeParse(parseJson(text, path));
  if (!parsed.success) {
    throw new UsageError(
      `--request: ${path} holds neither questions ({"agent", "operation", "target", "flags"}) nor actions as countersign show --json prints them.`,
    );
  }
  const entries = Array.isArray(parsed.data) ? parsed.data : [parsed.data];
  return entries.flatMap((entry, index) =>
    'actionId' in entry ? requestOf(entry) : [questioned(entry, index, { policy, nowMs })],
  );
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--request: ${path} is not JSON.`);
  }
}

function questioned(
  { agent, operation, target: name, flags, tainted }: z.infer<typeof questionSchema>,
  index: number,
  { policy, nowMs }: { policy: Policy; nowMs: number },
): RecordedRequest {
  const target = policy.target(name);
  const found = Object.entries(flags).map(([code, severity]) => ({ code, severity, sentence: '' }));
  return {
    ...{ actionId: `question ${String(index + 1)}`, agent, operation, tainted },
    target: { kind: target?.kind ?? 'unknown', name, environment: target?.environment ?? 'unknown' },
    flags: withTaint({ tainted }, found),
    summary: '',
    requestedAtMs: nowMs,
    outcome: null,
  };
}

/** An action that came as far as a preview: only of those is it known what was found. */
export function requestOf({ actionId, request, target, flags, preview, outcome }: ActionView): RecordedRequest[] {
  if (target === null || preview === null) return [];
  const { agent, operation, requestedAtMs, tainted } = request;
  return [
    {
      ...{ actionId, agent, operation, target, requestedAtMs },
      flags: withTaint(request, flags),
      tainted: tainted === true,
      summary: preview.summary,
      outcome: outcome?.status ?? null,
    },
  ];
}
