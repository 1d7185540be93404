import type { StatementBody } from '../../core/schemas/statements.js';
import type { About, EventParts } from './event.js';
import { actorProcess, appOf, byWhom, finding, operationApi, personUser, resourcesOf } from './parts.js';
import { firstNames, named, said } from './text.js';

/** So many are named outside of `unmapped`, which alone is left out of an event that would be too large. */
const PEOPLE = 5;

type BrokenClaim = StatementBody<'claim'> & { breakGlass: NonNullable<StatementBody<'claim'>['breakGlass']> };

/** An action was taken only because people broke the glass: a finding, open until its plan's reviewers have looked. */
export function brokenGlassFinding(body: BrokenClaim, about: About): EventParts {
  const { actionDigest, step, attempt, runId, approvers, breakGlass, claimedAtMs } = body;
  const by = breakGlass.by.slice(0, PEOPLE).map(named);
  const others = breakGlass.by.length - by.length;
  const who = others === 0 ? by.join(' and ') : `${by.join(', ')} and ${String(others)} more`;
  const words = `${who} broke the glass: the action runs without the review that its plan demands.`;
  return {
    class: 'detection_finding',
    activity: 'create',
    atMs: claimedAtMs,
    severity: 'high',
    message: words,
    attributes: {
      ...byWhom(
        { ...actorProcess(about), ...operationApi(about, about.actionId ?? 'unknown') },
        ...by.map((person) => ({ actor: { user: personUser(person) } })),
      ),
      ...finding(uidOf(about), 'Break-glass', words, claimedAtMs, 'break_glass'),
      ...resourcesOf(about),
      is_alert: true,
      action_id: 1,
      status_id: 1,
    },
    unmapped: {
      action_digest: actionDigest,
      step,
      attempt,
      run_id: runId,
      approvers: firstNames(approvers),
      broken_by: firstNames(breakGlass.by),
      review_due_at_ms: breakGlass.dueAtMs,
    },
  };
}

/**
 * One reviewer's word on it, under the finding that the claim opened. Never its end: whether others still have to look
 * is not in this statement.
 */
export function ofRetrospective(body: StatementBody<'retrospective'>, about: About): EventParts {
  const { claim, verdict, reason, by, via, reviewedAtMs } = body;
  const isJustified = verdict === 'justified';
  const words = `${by.person} found that breaking the glass was ${isJustified ? 'justified' : 'not justified'}.`;
  return {
    class: 'detection_finding',
    activity: 'update',
    atMs: reviewedAtMs,
    severity: isJustified ? 'info' : 'high',
    message: words,
    attributes: {
      ...byWhom({ actor: { user: personUser(by.person, by.groups), app_name: appOf(about) } }),
      ...finding(uidOf(about), 'Break-glass', words, reviewedAtMs, 'break_glass'),
      ...resourcesOf(about),
      comment: said(reason),
      is_alert: !isJustified,
      status_id: 2,
      status_code: verdict,
    },
    unmapped: { claim, groups: firstNames(by.groups), via: { channel: via.channel, subject: named(via.subject) } },
  };
}

/** One finding for each action: a claim that is taken again is the same broken glass. */
function uidOf({ actionId }: Pick<About, 'actionId'>): string {
  return `break-glass/${actionId ?? 'unknown'}`;
}
