import { ReviewAgain } from './evidence.js';
import type { Refusal } from '../core/errors.js';
import type { DebtList } from '../record/record.js';

/** What was asked where nobody breaks the glass. */
export const NO_DEBTS: DebtList = { debts: [], unreadable: [], gap: null };

/** Why nobody may break the glass for this action now, while a broken one is owed for; null when they may. */
export function lackOfPayment(
  { debts, unreadable, gap }: DebtList,
  actionId: string,
): { code: Extract<Refusal['code'], 'debt_unpaid' | 'statement_invalid'>; message: string } | null {
  // Not of what cannot be read of this action itself either: nobody can tell.
  const [lost] = unreadable;
  if (lost !== undefined || gap !== null)
    return {
      code: 'statement_invalid',
      message: `The glass cannot be broken while it can't be told what is owed for it: ${lost === undefined ? String(gap) : `the statements of action ${lost} are not as they were made`}. Look into it: countersign doctor.`,
    };
  const debt = debts.find((one) => one.actionId !== actionId);
  if (debt === undefined) return null;
  return {
    code: 'debt_unpaid',
    message:
      `The glass was broken for action ${debt.actionId}, and that was not reviewed yet: until then nobody breaks it again. ` +
      `It waits for somebody of ${debt.open.join(' and ')} who did not break it: countersign retrospective ${debt.actionId}.`,
  };
}

/** @throws ReviewAgain: its people can still fill the plan. */
export function requirePaid(list: DebtList, actionId: string): void {
  const lack = lackOfPayment(list, actionId);
  if (lack !== null) throw new ReviewAgain(lack.code, lack.message);
}
