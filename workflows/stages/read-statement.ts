import type { CountedDecision, Prepared } from '../../src/contracts/activities.js';
import { open, type EnvelopeFault } from '../../src/core/dsse.js';
import type { VerifyEd25519 } from '../../src/core/ed25519.js';
import type { StatementBody, StatementKind } from '../../src/core/schemas/statements.js';

// The gateway and the agent sign only what they have parsed with the schemas, so after the signature only the
// fields that matter here are compared; zod in workflow code would cost 700 KB a cached workflow.

export type DecisionRead =
  { ok: true; counted: CountedDecision; runId: string } | { ok: false; fault: EnvelopeFault | 'digest_mismatch' };

/** For what a validator let through a moment ago. The executor does not believe it and verifies again. */
export const accepted: VerifyEd25519 = () => true;

/**
 * A decision about exactly what is under review, signed by the gateway; or why it is none.
 * @param verify default: the signature is verified.
 */
export function readDecision(envelope: unknown, prepared: Prepared, verify?: VerifyEd25519): DecisionRead {
  const opened = open(envelope, prepared.decisionKeys, verify);
  if (!opened.ok) return opened;
  const body = bodyOf(opened.payload, 'decision');
  if (body === null || body.actionDigest !== prepared.actionDigest || body.round !== prepared.round) {
    return { ok: false, fault: 'digest_mismatch' };
  }
  const { approver, decision, reason, decidedAtMs, runId } = body;
  const mark = body.breakGlass === true ? { breakGlass: true as const } : {};
  const counted = { person: approver.person, groups: [...approver.groups], decision, reason, decidedAtMs, ...mark };
  return { ok: true, counted, runId };
}

/**
 * A withdrawal of exactly this action, signed by who signs for its agent; null when it is anything else.
 * @param verify default: the signature is verified.
 */
export function readWithdrawal(
  envelope: unknown,
  prepared: Prepared,
  verify?: VerifyEd25519,
): { reason: string } | null {
  const opened = open(envelope, [prepared.agentKey, ...(prepared.intakeKeys ?? [])], verify);
  const body = opened.ok ? bodyOf(opened.payload, 'withdrawal') : null;
  return body?.actionId === prepared.actionId ? { reason: body.reason } : null;
}

function bodyOf<K extends StatementKind>(payload: unknown, kind: K): StatementBody<K> | null {
  const statement = payload as { predicateType?: unknown; predicate?: { body?: StatementBody<K> } } | null;
  if (statement?.predicateType !== `https://countersign.dev/${kind}/v1`) return null;
  return statement.predicate?.body ?? null;
}
