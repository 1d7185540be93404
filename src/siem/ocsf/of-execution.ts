import type { JsonObject } from '../../core/json.js';
import type { Outcome, Severity } from '../../core/schemas/action.js';
import type { StatementBody } from '../../core/schemas/statements.js';
import type { AccessChange } from './access-change.js';
import type { About, EventParts } from './event.js';
import { brokenGlassFinding } from './of-break-glass.js';
import { overdueFinding } from './of-findings.js';
import { actionEntity, actorProcess, operationCall, resourcesOf, STATUS } from './parts.js';
import { firstNames, named, said } from './text.js';

export function ofClaim(body: StatementBody<'claim'>, about: About): EventParts {
  const { actionDigest, step, attempt, runId, approvers, breakGlass, claimedAtMs } = body;
  if (breakGlass !== undefined) return brokenGlassFinding({ ...body, breakGlass }, about);
  return {
    class: 'api_activity',
    activity: 'create',
    atMs: claimedAtMs,
    message: 'The executor judged the action again and took it.',
    attributes: { ...operationCall(about, about.actionId ?? 'unknown'), action_id: 1, ...STATUS.success },
    unmapped: { action_digest: actionDigest, step, attempt, run_id: runId, approvers: firstNames(approvers) },
  };
}

export function ofEffect(
  { actionDigest, step, attempt, startedAtMs }: StatementBody<'effect'>,
  about: About,
): EventParts {
  return {
    class: 'api_activity',
    activity: 'update',
    atMs: startedAtMs,
    message: 'The effect of the action begins.',
    attributes: { ...operationCall(about, about.actionId ?? 'unknown'), status_id: 0 },
    unmapped: { action_digest: actionDigest, step, attempt },
  };
}

export function ofResult(body: StatementBody<'result'>, about: About): EventParts {
  const { step, outcome, findings, finishedAtMs } = body;
  const shared = {
    atMs: finishedAtMs,
    severity: SEVERITIES[outcome.status],
    message: `The action ran: ${outcome.status}.`,
    unmapped: {
      step,
      result: numbersOf(outcome.result ?? {}),
      findings: findings.map(({ code, severity }) => ({ code, severity })),
    },
  };
  const change = about.action?.change ?? null;
  if (change !== null) return { ...shared, ...changed(change, about, statusOf(outcome)) };
  return {
    ...shared,
    class: 'api_activity',
    activity: 'update',
    attributes: { ...operationCall(about, about.actionId ?? 'unknown'), ...statusOf(outcome) },
  };
}

export function ofReceipt(body: StatementBody<'receipt'>, about: About): EventParts {
  const { outcome, lease, approvers, closing, concludedAtMs, actionDigest } = body;
  if (closing || lease === 'open') return overdueFinding(body, about);
  return {
    class: 'entity_management',
    activity: 'deactivate',
    atMs: concludedAtMs,
    severity: SEVERITIES[outcome.status],
    message: `The action ended: ${outcome.status}.`,
    attributes: { ...actorProcess(about), ...actionEntity(about), ...statusOf(outcome) },
    unmapped: { lease, approvers: firstNames(approvers), action_digest: actionDigest },
  };
}

type Changed = Pick<Extract<EventParts, { class: 'account_change' }>, 'class' | 'activity' | 'attributes'>;
type OtherChanged =
  | Pick<Extract<EventParts, { class: 'user_access' }>, 'class' | 'activity' | 'attributes'>
  | Pick<Extract<EventParts, { class: 'entity_management' }>, 'class' | 'activity' | 'attributes'>;

function changed(change: AccessChange, about: About, status: JsonObject): Changed | OtherChanged {
  const actor = actorProcess(about);
  switch (change.kind) {
    case 'account': {
      const policy = change.policy === null ? {} : { policy: change.policy };
      return {
        class: 'account_change',
        activity: change.activity,
        attributes: { ...actor, user: change.user, ...policy, ...status },
      };
    }
    case 'privileges': {
      const { user, privileges } = change;
      return {
        class: 'user_access',
        activity: change.activity,
        attributes: { ...actor, user, privileges, ...resourcesOf(about), ...status },
      };
    }
    case 'policy': {
      const entity = {
        name: change.name,
        uid: change.name,
        type_id: 5,
        policy: { name: change.name, uid: change.name },
      };
      return { class: 'entity_management', activity: change.activity, attributes: { ...actor, entity, ...status } };
    }
  }
}

const SEVERITIES: Readonly<Record<Outcome['status'], Severity>> = {
  succeeded: 'info',
  effect_mismatch: 'high',
  failed: 'medium',
  denied: 'info',
  expired: 'low',
  withdrawn: 'info',
  cancelled: 'low',
  refused: 'low',
  unknown: 'high',
  interrupted: 'medium',
};

function statusOf({ status, code, message }: Outcome): JsonObject {
  const id = status === 'succeeded' ? STATUS.success : STATUS.failure;
  return { ...id, status_code: named(code), status_detail: said(message) };
}

/** Facts of the effect that cannot hold a secret: numbers, and SHA-256 digests. */
function numbersOf(result: JsonObject): JsonObject {
  const safe = Object.entries(result).filter(
    ([, value]) =>
      typeof value === 'number' ||
      typeof value === 'boolean' ||
      (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)),
  );
  return Object.fromEntries(safe.slice(0, 20).map(([key, value]) => [named(key), value]));
}
