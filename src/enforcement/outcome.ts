import type { ConcludeInput } from '../contracts/activities.js';
import type { Outcome } from '../core/schemas/action.js';
import type { StatementBody } from '../core/schemas/statements.js';
import { describeScope } from '../record/freezes.js';
import { allOf, latest, type AnyRecorded, type Recorded } from '../record/record.js';

type NotRun = Extract<ConcludeInput['ended'], { kind: 'not_run' }>;

/**
 * How an action ended, as far as the record proves it. What the workflow says is a hint to what to look for:
 * a receipt never repeats an end that is not on record.
 * @param about.frozen the freeze by a person that the record says is over it now.
 */
export function outcomeOnRecord(
  statements: readonly AnyRecorded[],
  ended: ConcludeInput['ended'],
  { effectBegan, nowMs, frozen = null }: { effectBegan: boolean; nowMs: number; frozen?: Recorded<'freeze'> | null },
): Outcome {
  const receipt = latest(statements, 'receipt');
  if (receipt !== undefined) return receipt.body.outcome;
  const result = latest(statements, 'result');
  if (result !== undefined) return result.body.outcome;
  if (effectBegan || latest(statements, 'effect') !== undefined) {
    return {
      status: 'unknown',
      code: 'outcome_unknown',
      message: 'The effect began and its outcome is not on record. A person must look at the target.',
    };
  }
  return (ended.kind === 'not_run' ? provenEnd(statements, ended, { nowMs, frozen }) : undefined) ?? unproven(ended);
}

/** What the executor found when it was asked to run it: these refusals are ends of their own. */
const STATUS_OF: Readonly<Record<string, Outcome['status'] | undefined>> = {
  request_expired: 'expired',
  denied_by_person: 'denied',
  withdrawn_by_agent: 'withdrawn',
  frozen: 'denied',
};

function provenEnd(
  statements: readonly AnyRecorded[],
  { status, code }: NotRun,
  { nowMs, frozen }: { nowMs: number; frozen: Recorded<'freeze'> | null },
): Outcome | undefined {
  const plan = latest(statements, 'plan')?.body;
  switch (status) {
    case 'denied': {
      const denial = allOf(statements, 'decision').find(
        ({ body }) => body.decision === 'deny' && body.actionDigest === plan?.actionDigest,
      )?.body;
      if (denial === undefined) return undefined;
      return {
        status,
        code: 'denied_by_person',
        message: short(`Denied by ${denial.approver.person}: ${denial.reason}`),
      };
    }
    case 'withdrawn':
      return withdrawnEnd(statements);
    case 'expired':
      if (plan === undefined || nowMs < plan.snapshot.expiresAtMs) return undefined;
      return {
        status,
        code: 'expired',
        message: 'Nobody completed the review in time. Expiry means denied; nothing ran.',
      };
    case 'refused': {
      const refusal = refusalWith(statements, code);
      if (refusal === undefined) return undefined;
      return { status: STATUS_OF[refusal.code] ?? status, code: refusal.code, message: refusal.message };
    }
    case 'cancelled':
      // The agent took it back when it was about to run: its workflow is stopped by a cancellation then.
      return (
        withdrawnEnd(statements) ??
        // Whatever was open is ended by a cancellation, too, once a person has frozen it.
        frozenEnd(frozen) ?? {
          status,
          code: 'ended_from_outside',
          message: 'The workflow was ended from outside before the action ran.',
        }
      );
    case 'failed':
      return { status, code: 'nothing_ran', message: 'A service that the action needs stayed away. Nothing ran.' };
  }
}

function frozenEnd(freeze: Recorded<'freeze'> | null): Outcome | undefined {
  if (freeze?.body.because !== 'person') return undefined;
  const { by, scope, reason } = freeze.body;
  const message = short(`Frozen by ${by.person} (${describeScope(scope)}): ${reason}`);
  return { status: 'denied', code: 'frozen', message };
}

function withdrawnEnd(statements: readonly AnyRecorded[]): Outcome | undefined {
  const withdrawal = latest(statements, 'withdrawal')?.body;
  if (withdrawal === undefined) return undefined;
  return {
    status: 'withdrawn',
    code: 'withdrawn_by_agent',
    message: short(`Withdrawn by ${withdrawal.agent}: ${withdrawal.reason}`),
  };
}

function unproven(ended: ConcludeInput['ended']): Outcome {
  const said = ended.kind === 'ran' ? 'as run' : `as "${ended.status}"`;
  return {
    status: 'interrupted',
    code: 'end_unproven',
    message: `The workflow ended ${said}, which the record does not show. Nothing ran.`,
  };
}

/** Whether a workflow says that it was refused and no process of ours says so: it is not the action's own. */
export function isUnprovenRefusal(statements: readonly AnyRecorded[], ended: ConcludeInput['ended']): boolean {
  return ended.kind === 'not_run' && ended.status === 'refused' && refusalWith(statements, ended.code) === undefined;
}

/** Only the worker's and the executor's refusals end an action; the gateway's are of what it turned away. */
function refusalWith(statements: readonly AnyRecorded[], code: string): StatementBody<'refusal'> | undefined {
  return allOf(statements, 'refusal').findLast(
    ({ body, envelope }) => body.code === code && /^(worker|executor)\//.test(envelope.signatures[0]?.keyid ?? ''),
  )?.body;
}

function short(text: string): string {
  return text.slice(0, 1_000);
}
