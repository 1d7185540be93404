import type { Json, JsonObject } from '../../core/json.js';
import type { Flag, Preview } from '../../core/schemas/action.js';

const COMPARED = ['create', 'change', 'replace', 'destroy', 'forget'] as const;

/** Why the plan now does more than the approved one. */
export function grewSince({ estimate: approved }: Preview, { estimate: now }: Preview): string | null {
  for (const kind of [...COMPARED, 'import', 'move', 'read']) {
    const [before, after] = [numberIn(approved, kind), numberIn(now, kind)];
    if (after > before) return `The plan now has ${String(after)} to ${kind}; ${String(before)} were approved.`;
  }
  return null;
}

/** What the state shows as done, against what the plan said. */
export function effectFlags({ estimate }: Preview, { applied }: JsonObject): Flag[] {
  const [done, planned] = [countsIn(applied), countsIn(estimate['verifiable'])];
  const differing = COMPARED.filter((kind) => numberIn(done, kind) !== numberIn(planned, kind));
  if (differing.length === 0) return [];
  const said = differing.map((kind) => `${kind} ${String(numberIn(done, kind))} of ${String(numberIn(planned, kind))}`);
  return [
    { code: 'effect_differs', severity: 'high', sentence: `The state shows less than the plan: ${said.join(', ')}.` },
  ];
}

function countsIn(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function numberIn(counts: JsonObject, kind: string): number {
  const count = counts[kind];
  return typeof count === 'number' ? count : 0;
}
