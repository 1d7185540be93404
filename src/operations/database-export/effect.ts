import type { Flag, Preview } from '../../core/schemas/action.js';
import type { JsonObject } from '../../core/json.js';

const SLACK_ROWS = 10_000;

/** Why the estimate now is larger than the approved one; null when it is not: at most twice, or 10,000 rows more. */
export function grewSince(approved: Preview, now: Preview): string | null {
  const before = rowsOf(approved.estimate, 0);
  const after = rowsOf(now.estimate, Number.POSITIVE_INFINITY);
  if (after <= 2 * before || after <= before + SLACK_ROWS) return null;
  return `The export would now have about ${after.toLocaleString('en-US')} rows; about ${before.toLocaleString('en-US')} were approved.`;
}

// The planner errs by a factor of a few; beyond this it is no longer its error that people could reckon with.
const GRAVE_FACTOR = 10;

/**
 * A finding when more rows left than the preview said, over 10,000 more: medium beyond twice as many, which is as far as
 * an estimate may grow unasked; high beyond ten times.
 */
export function effectFlags(preview: Preview, result: JsonObject): Flag[] {
  const expected = rowsOf(preview.estimate, 0);
  const exported = rowsOf(result, Number.POSITIVE_INFINITY);
  if (exported <= Math.max(2 * expected, expected + SLACK_ROWS)) return [];
  const sentence = `${exported.toLocaleString('en-US')} rows were exported; the preview had said about ${expected.toLocaleString('en-US')}.`;
  const severity = exported > GRAVE_FACTOR * expected ? 'high' : 'medium';
  return [{ code: 'effect_larger_than_preview', severity, sentence }];
}

function rowsOf(facts: JsonObject, ifMissing: number): number {
  const rows = facts['rows'];
  return typeof rows === 'number' ? rows : ifMissing;
}
