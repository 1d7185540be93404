import { defineSignal } from '@temporalio/workflow';

/** Name of the workflow type. */
export const RETROSPECTIVE_REVIEW = 'retrospectiveReview';

export interface RetrospectiveReviewInput {
  actionId: string;
  /** What an earlier run of it has told; absent in the first. */
  told?: { reminders: number; overdue: number };
}

/** Says that there may be news on record. It pays nothing: only the record does. */
export const lookSignal = defineSignal('look');

/** What the record says of a debt. */
export type DebtStanding =
  | { kind: 'none' }
  | { kind: 'paid'; title: string }
  | {
      kind: 'owed';
      /** One line, safe to show in Temporal's UI. */
      title: string;
      by: string[];
      /** Groups for whom nobody has looked yet. */
      open: string[];
      claimedAtMs: number;
      dueAtMs: number;
    };
