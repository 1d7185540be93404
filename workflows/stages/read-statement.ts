import type { CountedDecision, Prepared } from '../../src/contracts/activities.js';
import { open } from '../../src/core/dsse.js';
import type { StatementBody, StatementKind } from '../../src/core/schemas/statements.js';

// The gateway and the agent sign only what they have parsed with the schemas, so after the signature only the
// fields that matter here are compared; zod in workflow code would cost 700 KB a cached workflow.

/** A decision about exactly what is under review, signed by the gateway; null when it is anything else. */
export function readDecision(
  envelope: unknown,
  prepared: Prepared,
): { counted: CountedDecision; runId: string } | null {
  const body = bodyOf(envelope, prepared.decisionKeys, 'decision');
  if (body === null || body.actionDigest !== prepared.actionDigest || body.round !== prepared.round) return null;
  const { approver, decision, reason, decidedAtMs, runId } = body;
  return { counted: { person: approver.person, groups: [...approver.groups], decision, reason, decidedAtMs }, runId };
}

/** A withdrawal of exactly this action, signed by its agent; null when it is anything else. */
export function readWithdrawal(envelope: unknown, prepared: Prepared): { reason: string } | null {
  const body = bodyOf(envelope, [prepared.agentKey], 'withdrawal');
  return body?.actionId === prepared.actionId ? { reason: body.reason } : null;
}

function bodyOf<K extends StatementKind>(
  envelope: unknown,
  keys: Prepared['decisionKeys'],
  kind: K,
): StatementBody<K> | null {
  const opened = open(envelope, keys);
  if (!opened.ok) return null;
  const statement = opened.payload as { predicateType?: unknown; predicate?: { body?: StatementBody<K> } } | null;
  if (statement?.predicateType !== `https://countersign.dev/${kind}/v1`) return null;
  return statement.predicate?.body ?? null;
}
