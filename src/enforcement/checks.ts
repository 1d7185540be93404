import { lackOfRoom } from '../budgets/room.js';
import { lackOfAssurance } from '../core/assurance.js';
import { lackOfGlass } from '../core/break-glass.js';
import { open } from '../core/dsse.js';
import { digestOf } from '../core/json.js';
import { Refusal } from '../core/errors.js';
import { countGlass, countQuorum, type Approval } from '../core/quorum.js';
import { previewDigestOf } from '../core/snapshot.js';
import type { StatementBody } from '../core/schemas/statements.js';
import { groupsSpokenFor } from '../directory/delegations.js';
import type { Barred } from '../directory/directory.js';
import { excludedFromReview, lackOfPayers, type Breaker } from '../policy/payers.js';
import { isNoStricter } from '../policy/review-plan.js';
import type { PolicyQuestion } from '../policy/policy.js';
import { askedOf } from '../operations/asked.js';
import { requireReviewIfTainted, withTaint } from '../policy/taint.js';
import { createNativeVerifier } from '../record/native-ed25519.js';
import { allOf, type AnyRecorded } from '../record/record.js';
import { ReviewAgain, type Case, type Evidence } from './evidence.js';
import { requireNoAlarm } from './alarmed.js';
import { requirePaid } from './debts.js';
import { requireNotFrozen } from './frozen.js';

const verifySignature = createNativeVerifier();

/** One thing that must hold before an action may run. */
export interface Check {
  name: string;
  verify(laidOut: Case, evidence: Evidence): void | Promise<void>;
}

/** Every check of the enforcement point, in order. Removing one must fail a test: see test/unit/enforcement/mutation.test.ts. */
export const checks: readonly Check[] = [
  {
    name: 'the request names this action',
    verify({ request }, { actionId }) {
      if (request.body.actionId !== actionId)
        throw new Refusal('action_id_mismatch', 'The signed request is for another action.', 'actionId');
    },
  },
  {
    name: 'the request is signed by its agent’s key in the bundle in force, or by the gateway for one without a key',
    verify({ request }, { policy: { directory } }) {
      const { agent } = request.body;
      const isForIt = isSignedBy(request, 'intake/');
      const key = directory.agentKey(agent);
      // The record also reads what was signed under an earlier bundle; that gives no right to run it.
      const isOwn = key !== undefined && open(request.envelope, [key], verifySignature).ok;
      if (isForIt ? directory.signsByIntake(agent) : isOwn) return;
      if (isForIt || isSignedBy(request, `agent/${agent}`))
        throw new Refusal(
          'agent_changed',
          `Policy was changed since ${agent} asked: it removed the agent, or changed the key by which it signs. Nothing ran. ` +
            'If the action is still wanted, ask again.',
          'agent',
        );
      throw new Refusal('signature_invalid', 'The request is not signed by who may sign for its agent.', 'agent');
    },
  },
  {
    name: 'who prompted it is said by the gateway, of this request',
    verify({ requestDigest }, { statements }) {
      // Fewer people are barred when the prompter is known: nobody else may say so.
      for (const stated of allOf(statements, 'provenance')) {
        if (!isSignedBy(stated, 'intake/') || stated.statement.subject[0].digest.sha256 !== requestDigest)
          throw new Refusal(
            'statement_invalid',
            'Who prompted the action is not said by the gateway, of this request.',
          );
      }
    },
  },
  {
    name: 'the action has not ended',
    verify(_, { statements }) {
      // After a reset an automatic action could otherwise run behind a receipt that says it did not.
      if (allOf(statements, 'receipt').length > 0)
        throw new Refusal('action_closed', 'The action has ended: its receipt is on record.');
    },
  },
  {
    name: 'the review is the newest',
    verify(_, { statements, round }) {
      // Whoever steals a workflow task could ask for an earlier round, whose approvals were dropped, in the run of theirs.
      if (allOf(statements, 'preview').at(-1)?.body.round !== round)
        throw new ReviewAgain('digest_mismatch', 'The review was opened again after these approvals.');
    },
  },
  {
    name: 'the preview is of this request',
    verify({ preview, requestDigest }) {
      if (preview.requestDigest !== requestDigest)
        throw new Refusal('digest_mismatch', 'The preview on record is of another request.');
    },
  },
  {
    name: 'the preview names the target as the bundle lists it',
    verify({ preview, target: { kind, name, environment } }) {
      if (digestOf(preview.target) !== digestOf({ kind, name, environment })) {
        throw new ReviewAgain('target_changed', 'People were shown another target than the bundle in force lists.');
      }
    },
  },
  {
    name: 'the snapshot holds the parameters of the signed request',
    verify({ request, plan: { snapshot } }) {
      const { actionId, operation, params, agent } = request.body;
      const held = {
        actionId: snapshot.actionId,
        operation: snapshot.operation,
        params: snapshot.params,
        agent: snapshot.agent,
      };
      if (digestOf(held) !== digestOf({ actionId, operation, params, agent })) {
        throw new Refusal('digest_mismatch', 'The approved snapshot differs from the signed request.');
      }
    },
  },
  {
    name: 'the snapshot holds the preview that people were shown',
    verify({ preview, plan: { snapshot } }) {
      if (snapshot.previewDigest !== previewDigestOf(preview) || snapshot.fingerprint !== preview.preview.fingerprint) {
        throw new Refusal('digest_mismatch', 'The approved snapshot differs from the preview on record.');
      }
    },
  },
  {
    name: 'the snapshot holds the plan',
    verify({ plan }) {
      if (plan.snapshot.planDigest !== digestOf(plan.plan))
        throw new Refusal('digest_mismatch', 'The approved snapshot differs from the plan on record.');
    },
  },
  {
    name: 'the snapshot names the role that will be leased',
    verify({ plan, operation, target, params, request }) {
      if (
        plan.snapshot.leaseRole !== operation.credentialFor('execute', askedOf(request.body, { params, target })).role
      ) {
        throw new ReviewAgain(
          'target_changed',
          'The credential that would be leased is not the one that was approved.',
        );
      }
    },
  },
  {
    name: 'the action digest is that of the snapshot',
    verify({ plan }) {
      if (plan.actionDigest !== digestOf(plan.snapshot))
        throw new Refusal('digest_mismatch', 'The action digest is not that of the approved snapshot.');
    },
  },
  {
    name: 'the expiry does not outlive the request',
    verify({ plan, request }) {
      if (plan.snapshot.expiresAtMs > request.body.expiresAtMs)
        throw new Refusal('request_expired', 'The plan would outlive the signed request.', 'expiresAtMs');
    },
  },
  {
    name: 'the expiry does not outlive the plan',
    verify({ plan }) {
      if (plan.snapshot.expiresAtMs > plan.openedAtMs + plan.plan.expireAfterMs)
        throw new Refusal('request_expired', 'The review would stay open for longer than its plan says.');
    },
  },
  {
    name: 'the action has not expired',
    verify({ plan }, { nowMs }) {
      if (nowMs >= plan.snapshot.expiresAtMs)
        throw new Refusal('request_expired', 'The action expired before it could run. Nothing ran.', 'expiresAtMs');
    },
  },
  {
    name: 'the operation accepts the parameters',
    verify: ({ operation, params, target }) => operation.check(params, target),
  },
  {
    name: 'neither its agent nor its operation is frozen, nor everything',
    verify({ request }, { freezes, policy: { directory } }) {
      requireNotFrozen(freezes, request.body, directory);
    },
  },
  {
    name: 'no alarm stands that stops approvals',
    verify(_, { alarms, policy: { directory } }) {
      requireNoAlarm(alarms, directory);
    },
  },
  {
    name: 'the agent may still ask for this',
    verify(laidOut, evidence) {
      const verdict = evidence.policy.mayRequest(questionOf(laidOut, evidence));
      if (!verdict.allowed) throw new Refusal(verdict.code, verdict.because);
    },
  },
  {
    name: 'policy still permits it, and asks for no more than was approved',
    verify(laidOut, evidence) {
      const verdict = evidence.policy.review(questionOf(laidOut, evidence));
      if (!verdict.allowed) throw new Refusal(verdict.code, verdict.because);
      if (!isNoStricter(verdict.plan, laidOut.plan.plan)) {
        throw new ReviewAgain('plan_stricter', 'The policy in force demands more than the plan that was approved.');
      }
    },
  },
  {
    name: 'the budgets of the plan have room for it',
    verify({ request, plan, operation, target, params }, { effects }) {
      const { actionId, agent } = request.body;
      const action = { actionId, agent, target: target.name, operation, params };
      const lack = lackOfRoom(plan.plan.budgets, action, effects);
      if (lack !== null) throw lack;
    },
  },
  {
    name: 'people review what an agent asked for after it read untrusted input',
    verify({ request, plan }) {
      requireReviewIfTainted(request.body, plan.plan);
    },
  },
  {
    name: 'the agent has not withdrawn it',
    verify(_, { statements }) {
      if (allOf(statements, 'withdrawal').length > 0)
        throw new Refusal('withdrawn_by_agent', 'The agent withdrew the action.');
    },
  },
  {
    name: 'nobody denied it',
    verify(laidOut) {
      const denial = laidOut.decisions.find(
        ({ decision, actionDigest }) => decision === 'deny' && actionDigest === laidOut.plan.actionDigest,
      );
      if (denial !== undefined) throw new Refusal('denied_by_person', `${denial.approver.person} denied the action.`);
    },
  },
  {
    name: 'policy and separation of duties let each approver approve',
    verify(laidOut, evidence) {
      const { directory } = evidence.policy;
      // Barred when it was planned or barred by now: neither counts, as at the gateway.
      const barred = new Set(laidOut.plan.barred.map(({ person }) => directory.canonical(person)));
      for (const { approver, decidedAtMs } of approvalsOf(laidOut)) {
        if (barred.has(directory.canonical(approver.person)))
          throw new Refusal('self_approval', `${approver.person} was barred from deciding when the review opened.`);
        const verdict = evidence.policy.mayApprove({
          ...questionOf(laidOut, evidence),
          // Whoever stood in then has decided, though the other is back by now.
          nowMs: decidedAtMs,
          person: approver.person,
          provenance: laidOut.provenance,
        });
        if (verdict.allowed) continue;
        // Separation of duties is no matter of asking again; somebody forged or planted this decision.
        if (verdict.code === 'self_approval') throw new Refusal(verdict.code, verdict.because);
        throw new ReviewAgain(verdict.code, verdict.because);
      }
    },
  },
  {
    name: 'each approval was given as the plan demands that people prove who they are',
    verify(laidOut, evidence) {
      for (const { approver, via, signIn = null, decidedAtMs } of approvalsOf(laidOut)) {
        const decided = { channel: via.channel, signIn, decidedAtMs };
        const lack = lackOfAssurance(laidOut.plan.plan.assurance, decided, evidence.assurance);
        if (lack !== null) throw new ReviewAgain('assurance_required', `${approver.person}'s approval: ${lack}`);
      }
    },
  },
  {
    name: 'whoever breaks the glass does so where the warning is read, and says what burns',
    verify(laidOut) {
      for (const { approver, via, reason } of approvalsOf(laidOut).filter(({ breakGlass }) => breakGlass === true)) {
        const lack = lackOfGlass({ channel: via.channel, reason });
        if (lack !== null) throw new ReviewAgain(lack.code, `${approver.person}: ${lack.message}`);
      }
    },
  },
  {
    name: 'approvals of this run, round and digest by members of the bundle fill the plan, or break its glass',
    verify(laidOut, evidence) {
      if (!fillsPlan(laidOut, evidence) && breakersOf(laidOut, evidence) === null) {
        throw new ReviewAgain('decisions_missing', 'The approvals on record for this run do not fill the plan.');
      }
    },
  },
  {
    name: 'somebody is left who may review the broken glass',
    verify(laidOut, evidence) {
      if (breakersOf(laidOut, evidence) === null) return;
      const { policy, nowMs } = evidence;
      const { directory } = policy;
      const breakers = breakingApprovals(laidOut, evidence);
      const excluded = excludedFromReview(directory, { barred: barredFrom(laidOut, evidence), breakers });
      const lack = lackOfPayers(laidOut.plan.plan, { directory, excluded, nowMs });
      if (lack !== null) throw new ReviewAgain(lack.code, lack.message);
    },
  },
  {
    name: 'no review of an earlier broken glass is owed',
    verify(laidOut, evidence) {
      if (breakersOf(laidOut, evidence) !== null) requirePaid(evidence.debts, evidence.actionId);
    },
  },
];

function fillsPlan(laidOut: Case, evidence: Evidence): boolean {
  const approvals = countedApprovals(laidOut, evidence);
  return countQuorum(laidOut.plan.plan, approvals, escalatedGroups(laidOut, evidence)).filled;
}

/**
 * Canonical people who break the glass, sorted, where the action may run for that and not because its plan is filled; null
 * where it may not. Only approvals that say so count, of members of the groups that the plan names for it; no escalation helps.
 */
export function breakersOf(laidOut: Case, evidence: Evidence): string[] | null {
  const { breakGlass } = laidOut.plan.plan;
  if (breakGlass === undefined || fillsPlan(laidOut, evidence)) return null;
  const breaking = breakingApprovals(laidOut, evidence);
  if (countGlass(laidOut.plan.plan, breaking)?.filled !== true) return null;
  return [...new Set(breaking.map(({ person }) => person))].sort();
}

function breakingApprovals(laidOut: Case, evidence: Evidence): (Approval & Breaker)[] {
  const deciding = (laidOut.plan.plan.breakGlass?.stages ?? []).map(({ group }) => group);
  return approvalsFor(laidOut, evidence, { deciding, isMeant: (decision) => decision.breakGlass === true });
}

/** Approvals of this run, round and digest, given while the review was open, by canonical person with the bundle's groups. */
export function countedApprovals(laidOut: Case, evidence: Evidence): Approval[] {
  const { stages } = laidOut.plan.plan;
  const deciding = [...stages.map(({ group }) => group), ...escalatedGroups(laidOut, evidence)];
  return approvalsFor(laidOut, evidence, { deciding, isMeant: () => true });
}

function approvalsFor(
  laidOut: Case,
  evidence: Evidence,
  { deciding, isMeant }: { deciding: string[]; isMeant: (decision: StatementBody<'decision'>) => boolean },
): (Approval & Breaker)[] {
  const { runId, policy } = evidence;
  const { directory } = policy;
  const { openedAtMs, snapshot } = laidOut.plan;
  const barred = barredFrom(laidOut, evidence).map(({ person }) => directory.canonical(person));
  const approvals = approvalsOf(laidOut)
    .filter((decision) => decision.runId === runId && isMeant(decision))
    .filter(({ decidedAtMs }) => decidedAtMs >= openedAtMs && decidedAtMs < snapshot.expiresAtMs)
    .map(({ approver: { person }, decidedAtMs, breakGlass = false }) => ({
      person: directory.canonical(person),
      decidedAtMs,
      breakGlass,
    }));
  const groups = groupsSpokenFor(directory, approvals, { barred, deciding });
  return approvals.map((approval, index) => ({ ...approval, groups: groups[index] ?? [] }));
}

/** When it was planned, and by now. */
function barredFrom({ plan, request, provenance }: Case, { policy: { directory } }: Evidence): Barred[] {
  return [...plan.barred, ...directory.barredFor(request.body.agent, provenance)];
}

/** By this key, or by a version of the key of this purpose. The record has verified that the key signed it. */
function isSignedBy({ envelope }: Pick<AnyRecorded, 'envelope'>, keyidOrPurpose: string): boolean {
  const keyid = envelope.signatures[0]?.keyid ?? '';
  return keyidOrPurpose.endsWith('/') ? keyid.startsWith(keyidOrPurpose) : keyid === keyidOrPurpose;
}

function questionOf({ request, preview, target }: Case, { nowMs }: Evidence): PolicyQuestion {
  return {
    agent: request.body.agent,
    operation: request.body.operation,
    // From the bundle, not from the statement: the environment decides what policy demands.
    target: { kind: target.kind, name: target.name, environment: target.environment },
    // Its own word, not the worker's: the agent signed it.
    flags: withTaint(request.body, preview.flags),
    nowMs,
  };
}

function approvalsOf({ decisions, plan }: Case): StatementBody<'decision'>[] {
  return decisions.filter(
    ({ decision, actionDigest, round }) =>
      decision === 'approve' && actionDigest === plan.actionDigest && round === plan.round,
  );
}

/** Only escalations that the plan foresaw and whose time had come. */
function escalatedGroups({ plan, escalations }: Case, { round }: Evidence): string[] {
  return escalations
    .filter((escalation) => escalation.round === round && escalation.firedAtMs >= plan.openedAtMs + escalation.afterMs)
    .filter(({ group, afterMs }) =>
      plan.plan.escalations.some((planned) => planned.group === group && planned.afterMs === afterMs),
    )
    .map(({ group }) => group);
}
