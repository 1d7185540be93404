import type { Severity } from '../../core/schemas/action.js';
import type { StatementBody } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { actionEntity, actorProcess, personUser, STATUS } from './parts.js';
import { firstNames, named, said, withoutAbsent } from './text.js';

const RISING: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical'];
const FLAGS = 51;

export function ofPreview(body: StatementBody<'preview'>, about: About): EventParts {
  const { round, target, flags, preview, gatheredAtMs } = body;
  const highest = Math.max(0, ...flags.map(({ severity }) => RISING.indexOf(severity)));
  return {
    class: 'entity_management',
    activity: 'update',
    atMs: gatheredAtMs,
    severity: RISING[highest] ?? 'info',
    message: `The action was previewed on ${target.name} (${target.environment}): ${count(flags.length, 'risk')} found.`,
    attributes: { ...actorProcess(about), ...actionEntity(about), ...STATUS.success },
    unmapped: {
      round,
      target,
      fingerprint: preview.fingerprint,
      flags: flags.slice(0, FLAGS).map(({ code, severity }) => ({ code, severity })),
    },
  };
}

export function ofPlan(body: StatementBody<'plan'>, about: About): EventParts {
  const { round, policy, plan, barred, actionDigest, reopened, openedAtMs } = body;
  const asks = plan.stages.map(({ group, quorum }) => `${String(quorum)} of ${group}`).join(', ');
  return {
    class: 'entity_management',
    activity: 'update',
    atMs: openedAtMs,
    message:
      asks === ''
        ? 'Policy lets the action run without review.'
        : `Policy demands a review: ${said(asks)}${reopened === null ? '' : '; it opened again'}.`,
    attributes: {
      ...actorProcess(about),
      ...actionEntity(about),
      policy: {
        uid: policy.digest,
        version: String(policy.number),
        name: said(plan.policies.join(', ')),
        is_applied: true,
      },
      ...STATUS.success,
    },
    unmapped: withoutAbsent({
      round,
      stages: plan.stages.map(({ group, quorum }) => ({ group, quorum })),
      break_glass: plan.breakGlass?.stages.map(({ group, quorum }) => ({ group, quorum })),
      assurance: plan.assurance,
      lease_ttl_seconds: plan.leaseTtlSeconds,
      expire_after_ms: plan.expireAfterMs,
      barred: firstNames(barred.map(({ person }) => person)),
      action_digest: actionDigest,
      reopened: reopened?.code,
    }),
  };
}

/** OCSF's dispositions of the security_control profile. */
const ALLOWED = { action_id: 1, disposition_id: 8, ...STATUS.success };
const DENIED = { action_id: 2, disposition_id: 25, ...STATUS.success };

export function ofDecision(body: StatementBody<'decision'>, about: About): EventParts {
  const { round, actionDigest, runId, decision, breakGlass, reason, approver, via, signIn, decidedAtMs } = body;
  return {
    class: 'entity_management',
    activity: 'update',
    atMs: decidedAtMs,
    severity: breakGlass === true ? 'medium' : 'info',
    message:
      breakGlass === true
        ? `${approver.person} broke the glass for the action.`
        : `${approver.person} ${decision === 'approve' ? 'approved' : 'denied'} the action.`,
    attributes: {
      actor: { user: personUser(approver.person, approver.groups), app_name: 'countersign-gateway' },
      ...actionEntity(about),
      ...(reason === '' ? {} : { comment: said(reason) }),
      ...(decision === 'approve' ? ALLOWED : DENIED),
      status_code: breakGlass === true ? 'break_glass' : decision,
    },
    unmapped: withoutAbsent({
      round,
      action_digest: actionDigest,
      run_id: runId,
      via: { channel: via.channel, subject: named(via.subject), event: named(via.eventId) },
      sign_in:
        signIn === undefined
          ? undefined
          : { auth_time_ms: signIn.authTimeMs, acr: signIn.acr === null ? null : named(signIn.acr) },
    }),
  };
}

export function ofEscalation(body: StatementBody<'escalation'>, about: About): EventParts {
  const { round, group, afterMs, firedAtMs } = body;
  return {
    class: 'entity_management',
    activity: 'update',
    atMs: firedAtMs,
    severity: 'low',
    message: `Nobody decided in time: members of ${group} may decide too.`,
    attributes: { ...actorProcess(about), ...actionEntity(about), ...STATUS.success },
    unmapped: { round, group, after_ms: afterMs },
  };
}

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`;
}
