import type { StatementBody, StatementKind } from '../core/schemas/statements.js';
import type { AnyRecorded } from '../record/record.js';

/** One thing that happened, as its signed statement says. */
export interface TimelineLine {
  /** By the clock of who states it. */
  atMs: number | null;
  /** The person or agent that it is of; else the process that states it. */
  who: string;
  what: string;
  /** In the words of who did it or of policy; empty without any. Untrusted text. */
  why: string;
  /** Id of the key that signed it. */
  signedBy: string;
}

type Told = { atMs: number | null; what: string } & Partial<Pick<TimelineLine, 'who' | 'why'>>;
type Tellers = { [K in StatementKind]?: (body: StatementBody<K>) => Told };

/** Who did what, when and why: of one action's verified statements, in their order. */
export function timelineOf(recorded: readonly AnyRecorded[]): TimelineLine[] {
  return recorded.map(({ kind, body, envelope }) => {
    const signedBy = envelope.signatures[0]?.keyid ?? '';
    const tell = TELLERS[kind] as ((of: unknown) => Told) | undefined;
    const told = tell?.(body) ?? { atMs: null, what: kind };
    return { who: signedBy.split('/')[0] ?? '', why: '', ...told, signedBy };
  });
}

const TELLERS: Tellers = {
  request: ({ agent, operation, params, reason, requestedAtMs }) => ({
    atMs: requestedAtMs,
    who: `agent ${agent}`,
    what: `asks for ${operation} ${JSON.stringify(params)}`,
    why: reason,
  }),
  withdrawal: ({ agent, reason, withdrawnAtMs }) => ({
    atMs: withdrawnAtMs,
    who: `agent ${agent}`,
    what: 'takes it back',
    why: reason,
  }),
  provenance: ({ prompters, schedulers, verifiedAtMs }) => ({
    atMs: verifiedAtMs,
    what: `on behalf of ${[...prompters, ...schedulers].join(', ')}, by their own tokens`,
  }),
  attachment: ({ storedSha256 }) => ({ atMs: null, what: `keeps the agent's log (${storedSha256.slice(0, 12)}…)` }),
  refusal: ({ code, message, who }) => ({
    atMs: null,
    what: `refuses${who === null ? '' : ` ${who}`}: ${code}`,
    why: message,
  }),
  preview: ({ round, preview, flags, gatheredAtMs }) => ({
    atMs: gatheredAtMs,
    what: `shows, in round ${String(round)}: ${preview.summary}`,
    why: flags.map(({ severity, sentence }) => `${severity}: ${sentence}`).join(' '),
  }),
  plan: ({ round, plan, policy, openedAtMs, reopened }) => ({
    atMs: openedAtMs,
    what: `asks, in round ${String(round)}: ${stagesOf(plan)}${plan.breakGlass === undefined ? '' : `; or, to break the glass, ${stagesOf(plan.breakGlass)}`}`,
    why: `policy ${String(policy.number)}: ${plan.policies.join(', ')}${reopened === null ? '' : `; ${reopened.message}`}`,
  }),
  decision: ({ approver, decision, breakGlass, via, reason, decidedAtMs }) => ({
    atMs: decidedAtMs,
    who: approver.person,
    what: `${breakGlass ? 'breaks the glass' : decision === 'approve' ? 'approves' : 'denies'}, through ${via.channel}`,
    why: reason,
  }),
  escalation: ({ group, firedAtMs }) => ({ atMs: firedAtMs, what: `escalates to ${group}` }),
  claim: ({ approvers, breakGlass, claimedAtMs }) => ({
    atMs: claimedAtMs,
    what:
      breakGlass === undefined
        ? 'judges all of it again and takes it'
        : `judges all of it again and takes it only because ${breakGlass.by.join(' and ')} broke the glass; a review of that is due by ${new Date(breakGlass.dueAtMs).toISOString()}`,
    why: approvers.length === 0 ? 'it needs nobody' : `approved by ${approvers.join(', ')}`,
  }),
  lease: ({ purpose, tokenRole, ttlSeconds, leasedAtMs }) => ({
    atMs: leasedAtMs,
    what: `leases ${tokenRole} for ${purpose}, at most ${String(ttlSeconds)} s`,
  }),
  credential: ({ vaultRole, username, target, issuedAtMs }) => ({
    atMs: issuedAtMs,
    what: `has ${vaultRole} issued on ${target}: ${username}`,
  }),
  effect: ({ startedAtMs }) => ({ atMs: startedAtMs, what: 'begins the effect' }),
  result: ({ outcome, finishedAtMs }) => ({
    atMs: finishedAtMs,
    what: `ends: ${outcome.status}`,
    why: outcome.message,
  }),
  incident: ({ code, sentence, openedAtMs }) => ({
    atMs: openedAtMs,
    what: `opens an incident: ${code}`,
    why: sentence,
  }),
  freeze: ({ because, frozenAtMs }) => ({ atMs: frozenAtMs, what: `freezes (${because})` }),
  unfreeze: ({ by, reason, unfrozenAtMs }) => ({ atMs: unfrozenAtMs, who: by.person, what: 'unfreezes', why: reason }),
  retrospective: ({ by, verdict, reason, reviewedAtMs }) => ({
    atMs: reviewedAtMs,
    who: by.person,
    what: `reviews the broken glass, for ${by.groups.join(' and ')}: ${verdict === 'justified' ? 'it was justified' : 'it was not justified'}`,
    why: reason,
  }),
  revocation: ({ proofs, revokedAtMs }) => ({
    atMs: revokedAtMs,
    what: 'proves that a credential ended',
    why: proofs.map(({ asked, answer }) => `${asked}: ${answer}`).join('; '),
  }),
  receipt: ({ outcome, lease, closing, concludedAtMs }) => ({
    atMs: concludedAtMs,
    what: `${closing ? 'closes the receipt' : 'signs the receipt'}: ${outcome.status}, lease ${lease}`,
    why: outcome.message,
  }),
  archive: ({ histories, archivedAtMs }) => ({
    atMs: archivedAtMs,
    what: `archives ${histories.length === 1 ? 'the history' : `${String(histories.length)} histories`} of the workflow`,
  }),
  fetch: ({ by, fetchedAtMs }) => ({ atMs: fetchedAtMs, who: by, what: 'fetches the output' }),
};

function stagesOf({ stages }: Pick<StatementBody<'plan'>['plan'], 'stages'>): string {
  return stages.map(({ group, quorum }) => `${group}:${String(quorum)}`).join(' & ') || 'nobody (automatic)';
}
