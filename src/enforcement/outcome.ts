import type { ConcludeInput } from '../contracts/activities.js';
import type { Outcome } from '../core/schemas/action.js';
import { allOf, latest, type AnyRecorded } from '../record/record.js';

type NotRun = Extract<ConcludeInput['ended'], { kind: 'not_run' }>;

/**
 * How an action ended, as far as the record proves it. What the workflow says is a hint to what to look for:
 * a receipt never repeats an end that is not on record.
 */
export function outcomeOnRecord(
  statements: readonly AnyRecorded[],
  ended: ConcludeInput['ended'],
  nowMs: number,
): Outcome {
  const receipt = latest(statements, 'receipt');
  if (receipt !== undefined) return receipt.body.outcome;
  const result = latest(statements, 'result');
  if (result !== undefined) return result.body.outcome;
  if (latest(statements, 'effect') !== undefined || ended.kind === 'ran') {
    return {
      status: 'unknown',
      code: 'outcome_unknown',
      message: 'The effect began and its outcome is not on record. A person must look at the target.',
    };
  }
  return provenEnd(statements, ended, nowMs) ?? unproven(ended);
}

/** What the executor found when it was asked to run it: these refusals are ends of their own. */
const STATUS_OF: Readonly<Record<string, Outcome['status'] | undefined>> = {
  request_expired: 'expired',
  denied_by_person: 'denied',
  withdrawn_by_agent: 'withdrawn',
};

function provenEnd(statements: readonly AnyRecorded[], { status, code }: NotRun, nowMs: number): Outcome | undefined {
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
    case 'withdrawn': {
      const withdrawal = latest(statements, 'withdrawal')?.body;
      if (withdrawal === undefined) return undefined;
      return {
        status,
        code: 'withdrawn_by_agent',
        message: short(`Withdrawn by ${withdrawal.agent}: ${withdrawal.reason}`),
      };
    }
    case 'expired':
      if (plan === undefined || nowMs < plan.snapshot.expiresAtMs) return undefined;
      return {
        status,
        code: 'expired',
        message: 'Nobody completed the review in time. Expiry means denied; nothing ran.',
      };
    case 'refused': {
      const refusal = allOf(statements, 'refusal').findLast(({ body }) => body.code === code)?.body;
      if (refusal === undefined) return undefined;
      return { status: STATUS_OF[refusal.code] ?? status, code: refusal.code, message: refusal.message };
    }
    case 'cancelled':
      return {
        status,
        code: 'ended_from_outside',
        message: 'The workflow was ended from outside before the action ran.',
      };
    case 'failed':
      return { status, code: 'nothing_ran', message: 'A service that the action needs stayed away. Nothing ran.' };
  }
}

function unproven({ status }: NotRun): Outcome {
  return {
    status: 'interrupted',
    code: 'end_unproven',
    message: `The workflow ended as "${status}", which the record does not show. Nothing ran.`,
  };
}

function short(text: string): string {
  return text.slice(0, 1_000);
}
