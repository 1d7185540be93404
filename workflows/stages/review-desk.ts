import { proxyActivities } from '@temporalio/workflow';
import {
  TASK_QUEUES,
  type AnnounceActivities,
  type CountedDecision,
  type Prepared,
} from '../../src/contracts/activities.js';
import { markdownLiteral } from '../../src/core/visible-text.js';
import type { Outcome } from '../../src/core/schemas/action.js';
import { registerHandlers } from './review-handlers.js';
import { ReviewTally, type LearntKeys, type Standing } from './review-tally.js';
import { createDisplay } from './visibility.js';

// A flood of signals must not grow the history without end: what comes beyond this is dropped, the update still works.
const MAX_HINTS = 50;

/** Where decisions arrive. One per workflow; registered before the first await, so that nothing comes too early. */
export interface ReviewDesk {
  open(prepared: Prepared): void;
  /** Drops all decisions: what was approved is no longer what would run. */
  reopen(): void;
  hasNews(): boolean;
  /** True once after each approval that did not fill the quorum. */
  takeChange(): boolean;
  takeHint(): { envelope: unknown } | undefined;
  count(decision: CountedDecision): void;
  escalateTo(group: string): void;
  standing(): Standing;
  showRunning(): void;
  showClosing(): void;
  /** Null while not even the receipt can be signed. */
  showOverdue(outcome: Outcome | null): void;
  showDone(result: { outcome: Outcome; lease: string }): void;
}

/** Null when no worker answers soon: its asker is told so, and asks again. */
async function readKeys(): Promise<LearntKeys | null> {
  const activities = proxyActivities<AnnounceActivities>({
    taskQueue: TASK_QUEUES.worker,
    scheduleToCloseTimeout: '8 seconds',
    summary: 'Learn the keys of now',
  });
  try {
    // Anybody may have answered, or by a payload that cannot be opened: then this throws.
    const { decisionKeys, intakeKeys } = await activities.readKeys();
    return Array.isArray(decisionKeys) && Array.isArray(intakeKeys) ? { decisionKeys, intakeKeys } : null;
  } catch {
    return null;
  }
}

export function openReviewDesk(): ReviewDesk {
  const display = createDisplay();
  const tally = new ReviewTally();
  const hints: { envelope: unknown }[] = [];
  let hintsSeen = 0;

  const showReview = (): void => {
    const { prepared, decisions, escalated } = tally;
    if (prepared !== null) display.review(prepared, tally.standing().quorum, decisions, escalated);
  };
  const showStage = (stage: Parameters<typeof display.stage>[1]): void => {
    display.stage(tally.prepared, stage);
  };
  registerHandlers(tally, {
    onCounted: showReview,
    onHint: (envelope) => {
      hintsSeen += 1;
      if (hintsSeen <= MAX_HINTS) hints.push({ envelope });
    },
    readKeys,
  });

  return {
    open(prepared) {
      tally.open(prepared);
      showReview();
    },
    reopen: () => {
      tally.reopen();
    },
    hasNews() {
      const { denied, withdrawn, filled } = tally.standing();
      return hints.length > 0 || tally.changed || withdrawn !== null || denied !== null || filled !== null;
    },
    takeChange() {
      const was = tally.changed;
      tally.changed = false;
      return was;
    },
    takeHint: () => hints.shift(),
    count(decision) {
      if (tally.count(decision)) showReview();
    },
    escalateTo(group) {
      tally.escalated.push(group);
      showReview();
    },
    standing: () => tally.standing(),
    showRunning() {
      tally.phase = 'running';
      showStage({
        state: 'running',
        // Whether it is open already, or no more, only the executor knows: its heartbeats tell.
        lease: 'requested',
        details:
          'Approved; the executor was asked to check it again, lease, run it and revoke. Heartbeat details of the pending activity tell how far it is.',
      });
    },
    showClosing() {
      tally.phase = 'closing';
    },
    showOverdue(outcome) {
      const said = outcome?.message ?? 'It has ended; its receipt cannot be signed yet.';
      const details = `${said} The end of the lease is not proven yet; revocation is retried.`;
      showStage({ state: outcome?.status ?? 'closing', lease: 'overdue', details });
    },
    showDone({ outcome, lease }) {
      tally.phase = 'done';
      showStage({ state: outcome.status, lease, details: markdownLiteral(outcome.message) });
    },
  };
}
