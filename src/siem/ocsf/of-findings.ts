import type { RefusalCode } from '../../core/errors.js';
import { isRefusalCode } from '../../core/errors.js';
import type { Severity } from '../../core/schemas/action.js';
import type { StatementBody } from '../../core/schemas/statements.js';
import { LEASE_INTERCEPTED, UNJUSTIFIED_BREAK_GLASS } from '../../record/verify-statement.js';
import type { About, EventParts, Place } from './event.js';
import {
  actionEntity,
  actorProcess,
  agentUser,
  appOf,
  byWhom,
  finding,
  personUser,
  resourcesOf,
  STATUS,
} from './parts.js';
import { named, said, withoutAbsent } from './text.js';

/** Refusals that an honest agent or person does not meet: attempts to forge, to replay, or to approve one's own. */
const ATTEMPTS: Readonly<Partial<Record<RefusalCode, Severity>>> = {
  key_unknown: 'high',
  signature_invalid: 'high',
  action_id_spent: 'medium',
  action_id_mismatch: 'high',
  bundle_digest_mismatch: 'critical',
  digest_mismatch: 'high',
  run_mismatch: 'high',
  not_an_approver: 'medium',
  self_approval: 'high',
  artefact_corrupt: 'high',
  content_corrupt: 'high',
  statement_invalid: 'critical',
  decisions_missing: 'high',
  lease_intercepted: 'critical',
  agent_frozen: 'medium',
};

export function ofRefusal(body: StatementBody<'refusal'>, about: About): EventParts {
  const { code, field, message, who, sentDigest } = body;
  const attempt = isRefusalCode(code) ? ATTEMPTS[code] : undefined;
  const unmapped = withoutAbsent({
    field: field === null ? undefined : named(field),
    sent_sha256: sentDigest ?? undefined,
  });
  const actor = who === null ? actorProcess(about) : { actor: { user: personUser(who), app_name: appOf(about) } };
  const blocked = { action_id: 2, disposition_id: 2 };
  if (attempt === undefined)
    return {
      class: 'entity_management',
      activity: 'update',
      severity: 'low',
      message: `Refused: ${named(code)}.`,
      attributes: {
        ...actor,
        ...actionEntity(about),
        ...blocked,
        ...STATUS.failure,
        status_code: named(code),
        status_detail: said(message),
      },
      unmapped,
    };
  return {
    class: 'detection_finding',
    activity: 'create',
    severity: attempt,
    message: `An attempt was turned away: ${code}.`,
    attributes: {
      ...byWhom(actor),
      ...finding(`refusal/${about.digest}`, `Refused: ${code}`, said(message), about.recordedAtMs, 'attempt'),
      ...resourcesOf(about),
      ...blocked,
      status_id: 1,
      status_code: code,
    },
    unmapped,
  };
}

export function ofIncident(body: StatementBody<'incident'>, about: About): EventParts {
  const { agent, code, severity, sentence, by = [], openedAtMs } = body;
  const { what, users } = toldOf(code, { agent, by });
  return {
    class: 'detection_finding',
    activity: 'create',
    atMs: openedAtMs,
    severity,
    message: `Incident: ${what} (${code}).`,
    attributes: {
      evidences:
        users.length === 0
          ? [{ actor: { app_name: appOf(about) } }]
          : users.map((user) => ({ actor: { user, app_name: appOf(about) } })),
      ...finding(`incident/${about.digest}`, code, said(sentence), openedAtMs, 'incident'),
      ...resourcesOf(about),
      is_alert: true,
      status_id: 1,
    },
  };
}

/** What happened, and whose doing it was, as far as that is known. */
function toldOf(code: string, { agent, by }: { agent: string; by: readonly string[] }) {
  switch (code) {
    case UNJUSTIFIED_BREAK_GLASS:
      // The agent only waited.
      return {
        what: 'people found that breaking the glass was not justified',
        users: by.map((person) => personUser(person)),
      };
    case LEASE_INTERCEPTED:
      return { what: 'somebody else unwrapped the token of a lease', users: [] };
    default:
      return { what: 'what was observed is not what was declared', users: [agentUser(agent)] };
  }
}

export function ofAlarm(body: StatementBody<'alarm'>, about: About): EventParts {
  const { code, severity, sentence, stopsApprovals, raisedAtMs } = body;
  return {
    class: 'detection_finding',
    activity: 'create',
    atMs: raisedAtMs,
    severity,
    message: `Alarm: ${code}${stopsApprovals ? '; no approval counts until it is cleared' : ''}.`,
    attributes: {
      ...byWhom(actorProcess(about)),
      ...finding(`alarm/${about.digest}`, code, said(sentence), raisedAtMs, 'alarm'),
      is_alert: true,
      status_id: 1,
    },
    unmapped: { stops_approvals: stopsApprovals },
  };
}

export function ofClearance(body: StatementBody<'clearance'>, about: About): EventParts {
  const { alarm, reason, by, via, clearedAtMs } = body;
  return {
    class: 'detection_finding',
    activity: 'close',
    atMs: clearedAtMs,
    message: `${by.person} cleared an alarm.`,
    attributes: {
      ...byWhom({ actor: { user: personUser(by.person, [by.group]), app_name: appOf(about) } }),
      // The finding that the alarm opened.
      ...finding(`alarm/${alarm}`, 'Alarm cleared', said(reason), clearedAtMs, 'alarm'),
      comment: said(reason),
      status_id: 4,
    },
    unmapped: { via: { channel: via.channel, subject: named(via.subject) } },
  };
}

/** A lease that was not proven ended in time, and later that it was. */
export function overdueFinding(body: StatementBody<'receipt'>, about: About): EventParts {
  const { outcome, lease, closing, concludedAtMs } = body;
  const isOver = closing && lease !== 'open';
  const words = isOver
    ? 'The lease of the action is now proven to have ended.'
    : 'The action ended, and its lease is not yet proven to have ended.';
  return {
    class: 'detection_finding',
    activity: isOver ? 'close' : 'create',
    atMs: concludedAtMs,
    severity: isOver ? 'info' : 'high',
    message: words,
    attributes: {
      ...byWhom(actorProcess(about)),
      ...finding(`revocation/${about.actionId ?? 'unknown'}`, 'Overdue revocation', words, concludedAtMs, 'overdue'),
      ...resourcesOf(about),
      is_alert: !isOver,
      status_id: isOver ? 4 : 1,
    },
    unmapped: { lease, outcome: { status: outcome.status, code: named(outcome.code) } },
  };
}

/**
 * What stands in the ledger and cannot be read as a statement of its kind. An agent's own words are judged by the keys that
 * bundles since the pinned one list: where a new one was pinned, an old request by an earlier key is no proof of tampering.
 */
export function unreadable(place: Place, why: string): EventParts {
  return {
    class: 'detection_finding',
    activity: 'create',
    severity: place.kind === 'request' || place.kind === 'withdrawal' ? 'medium' : 'critical',
    message:
      place.kind === 'missing'
        ? 'A statement is gone from the record.'
        : `An entry of the ledger does not verify as a ${place.kind}.`,
    attributes: {
      ...byWhom({ actor: { app_name: 'countersign-notary' } }),
      ...finding(`unreadable/${place.leafHash}`, 'Entry does not verify', said(why), place.recordedAtMs, 'unreadable'),
      is_alert: true,
      status_id: 1,
    },
  };
}
