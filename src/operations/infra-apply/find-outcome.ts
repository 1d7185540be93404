import type { InfraTarget } from '../../targets/infra.js';
import type { FoundOutcome, OutcomeContext } from '../operation.js';
import { keptSchema, resultOf } from './execute.js';
import { countDone, decodeExpected } from './expected.js';
import type { InfraLogin } from './login.js';
import type { InfraApplyParams } from './params.js';
import { readState } from './state.js';

/** What came of an apply whose process died: `done` only when the state shows every change of the plan. Never repeats it. */
export async function findApplyOutcome(
  context: OutcomeContext<InfraApplyParams, InfraTarget, InfraLogin>,
): Promise<FoundOutcome> {
  const { approved, keepsakes, target, params } = context;
  const { expectedSha256, serial, lineage } = keptSchema.parse(approved.estimate);
  const expected = decodeExpected(await keepsakes.get(expectedSha256));
  const state = await readState(target, await context.lease());
  const done = Object.values(countDone(expected, state)).reduce((sum, count) => sum + count, 0);
  const moved = state.serial !== serial || state.lineage !== lineage;
  if (!state.locked && moved && done === expected.length) {
    return { kind: 'done', result: resultOf({ expected, state, approved, params }) };
  }
  const found = [
    `The apply was interrupted; ${String(done)} of ${String(expected.length)} changes are in the state`,
    moved ? `which is now number ${String(state.serial)}` : `which is still number ${String(serial)}`,
    state.locked ? 'and is locked' : 'and is not locked',
  ].join(', ');
  return {
    kind: 'unknown',
    message: `${found}. What was made last may be missing from it: compare it with what there is, then plan again.`,
  };
}
