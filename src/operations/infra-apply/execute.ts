import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { OutcomeUnknown, Refusal, ServiceFault } from '../../core/errors.js';
import type { JsonObject } from '../../core/json.js';
import type { Preview } from '../../core/schemas/action.js';
import { digestSchema } from '../../core/schemas/primitives.js';
import type { InfraTarget } from '../../targets/infra.js';
import type { ExecuteContext } from '../operation.js';
import { firstError, isLockHeld } from './complaints.js';
import { countDone, decodeExpected, type Expected } from './expected.js';
import type { InfraLogin } from './login.js';
import type { InfraApplyParams } from './params.js';
import { describePlan, planIn, showPlan } from './preview.js';
import { renderPlan } from './render.js';
import type { Ended } from './run-program.js';
import { readState, type State } from './state.js';
import { withWorkspace } from './workspace.js';

type InfraExecuteContext = ExecuteContext<InfraApplyParams, InfraTarget, InfraLogin>;

/** What the preview put into its estimate for the time after the approval. */
export const keptSchema = z.object({
  planSha256: digestSchema,
  expectedSha256: digestSchema,
  serial: z.int(),
  lineage: z.string(),
  parentCommit: z.string().nullable(),
});

// Longer than most single changes take: what was begun is then in the state.
const STOP_GRACE_MS = 20_000;

/**
 * Applies the approved plan file, and no other: reads it from the store, plans again to see that it still says what would
 * happen, begins the effect, and lets OpenTofu apply it.
 */
export async function executeApply(context: InfraExecuteContext): Promise<JsonObject> {
  const { approved, keepsakes, params, target, credential } = context;
  const kept = keptSchema.parse(approved.estimate);
  const planFile = await keepsakes.get(kept.planSha256);
  const expected = decodeExpected(await keepsakes.get(kept.expectedSha256));
  return withWorkspace(context, async (workspace) => {
    const file = workspace.file('approved.tfplan');
    await writeFile(file, planFile, { mode: 0o600 });
    if (renderPlan(await showPlan(workspace, file), params) !== approved.content.text)
      throw new Refusal('digest_mismatch', 'The plan file that was kept is not the plan that people were shown.');
    const planned = await planIn(workspace, context);
    await context.beginEffect(
      describePlan({ ...context, ...planned, workspace, kept, pastApplies: 1, nowMs: Date.now() }),
    );
    context.progress({ step: 'apply' });
    const ended = await workspace.tofu(['apply', '-input=false', '-json', '-lock-timeout=30s', file], STOP_GRACE_MS);
    const state = await readState(target, credential).catch(() => null);
    return conclude(ended, { expected, state, approved, params });
  });
}

interface Concluding {
  expected: Expected;
  /** Null when it could not be read. */
  state: State | null;
  approved: Preview;
  params: InfraApplyParams;
}

function conclude(ended: Ended, { expected, state, approved, params }: Concluding): JsonObject {
  if (ended.code === 0 && state !== null) return resultOf({ expected, state, approved, params });
  if (ended.code !== 0 && !ended.stopped && isLockHeld(ended.output))
    throw new ServiceFault(
      'target',
      'The state was locked by another apply when this one was to begin. Nothing ran: ask again.',
      false,
    );
  const all = expected.length;
  const done = state === null ? null : Object.values(countDone(expected, state)).reduce((sum, count) => sum + count, 0);
  const seen =
    done === null ? 'The state could not be read' : `${String(done)} of ${String(all)} changes are in the state`;
  const why = ended.stopped
    ? 'OpenTofu was stopped'
    : `OpenTofu failed: ${firstError(ended.output)?.line ?? 'it gave no reason'}`;
  const message = `${seen}. ${why}`.slice(0, 900);
  // What was being made when it was stopped may be there and not in the state: only a person can tell.
  throw ended.stopped || state === null ? new OutcomeUnknown(message) : new ServiceFault('target', message, false);
}

/** The facts of an apply, as the state shows them. */
export function resultOf({ expected, state, approved, params }: Concluding & { state: State }): JsonObject {
  const { planSha256, serial, lineage, parentCommit } = keptSchema.parse(approved.estimate);
  const { source } = params;
  const before =
    lineage === '' ? 'there was no state before' : `the state before was number ${String(serial)} of ${lineage}`;
  const text =
    source.kind === 'git' && parentCommit !== null
      ? `Ask for infra.apply with commit ${parentCommit}, which is before the one applied; ${before}. What was destroyed is made anew, empty.`
      : `Ask for infra.apply with the source that was applied before this one; ${before}. What was destroyed is made anew, empty.`;
  return {
    planSha256,
    applied: countDone(expected, state),
    state: { lineage: state.lineage, serial: state.serial },
    undo: {
      text,
      ...(source.kind === 'git' && parentCommit !== null && { repository: source.repository, commit: parentCommit }),
      stateBefore: { lineage, serial },
    },
  };
}
