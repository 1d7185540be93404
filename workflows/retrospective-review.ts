import {
  condition,
  continueAsNew,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { TASK_QUEUES, type AnnounceActivities, type AnnounceInput } from '../src/contracts/activities.js';
import { lookSignal, type DebtStanding, type RetrospectiveReviewInput } from '../src/contracts/retrospective.js';
import { SEARCH_ATTRIBUTES } from '../src/contracts/search-attributes.js';
import { failingOnMalformed } from './stages/malformed.js';

type Owed = Extract<DebtStanding, { kind: 'owed' }>;
type Told = NonNullable<RetrospectiveReviewInput['told']>;

// It looks by itself, too: whoever pays may not be able to say so.
const LOOK_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
const MAX_REMINDERS = 3;
// Each is a few events in the history: then it goes on in a new run. A flood of signals fills none either.
const LOOKS_PER_RUN = 100;
const SIGNALS_PER_RUN = 50;

/**
 * Waits until a broken glass was reviewed: reminds, and says when the review is late, for as long as it takes. Whatever it is
 * sent, the record alone says that the debt is paid; the notary starts it again where it was ended before that.
 */
export async function retrospectiveReview(input: RetrospectiveReviewInput): Promise<{ state: 'paid' | 'none' }> {
  return failingOnMalformed(() => waitUntilPaid(input));
}

async function waitUntilPaid(input: RetrospectiveReviewInput): Promise<{ state: 'paid' | 'none' }> {
  const actionId = actionIdIn(input);
  let told = toldIn(input);
  let signals = 0;
  let hasNews = false;
  setHandler(lookSignal, () => {
    signals += 1;
    hasNews ||= signals <= SIGNALS_PER_RUN;
  });
  let shown = '';
  for (let looks = 1; ; looks += 1) {
    hasNews = false;
    const debt = await readDebt(actionId);
    if (debt.kind !== 'owed') {
      if (debt.kind === 'paid') await announce({ actionId, event: 'debt_paid', number: 0 });
      show(debt.kind);
      return { state: debt.kind };
    }
    const state = Date.now() >= debt.dueAtMs ? 'overdue' : 'owed';
    if (shown !== `${state} ${debt.open.join()}`) showOwed(debt, state);
    shown = `${state} ${debt.open.join()}`;
    const come = comeBy(debt, Date.now());
    // Nothing can have been told before its time: whoever started it may say so.
    told = { reminders: Math.min(told.reminders, come.reminders), overdue: Math.min(told.overdue, come.overdue) };
    const news = newsOf(come, told);
    if (news !== null) {
      await announce({ actionId, ...news });
      told = come;
      continue;
    }
    if (looks >= LOOKS_PER_RUN) await continueAsNew<typeof retrospectiveReview>({ actionId, told });
    const waitMs = Math.min(nextAtMs(debt, told) - Date.now(), LOOK_EVERY_MS);
    await condition(() => hasNews, waitMs, { summary: `Waits for ${debt.open.join(' and ')}` });
  }
}

/** Whoever may write to the namespace may start it with any input: the activity refuses what is no action's id. */
function actionIdIn(input: unknown): string {
  return (input as RetrospectiveReviewInput | null | undefined)?.actionId ?? '';
}

function toldIn(input: unknown): Told {
  const told = (input as RetrospectiveReviewInput | null | undefined)?.told;
  const countOf = (count: unknown): number => (Number.isSafeInteger(count) ? Math.max(0, count as number) : 0);
  return { reminders: countOf(told?.reminders), overdue: countOf(told?.overdue) };
}

/**
 * What has come by a time: reminders at a half, three quarters and seven eighths of it, then each day that it is late. By the
 * clock, not by counting: what was ended and started again tells of this day, not of all before it.
 */
function comeBy(debt: Owed, nowMs: number): Told {
  const reminders = Array.from({ length: MAX_REMINDERS }, (_, index) => index + 1).filter(
    (count) => reminderAtMs(debt, count) <= nowMs,
  ).length;
  return { reminders, overdue: Math.max(0, Math.floor((nowMs - debt.dueAtMs) / DAY_MS) + 1) };
}

/** The newest that was not told; numbered so that the same is told under the same number. */
function newsOf(come: Told, told: Told): Pick<AnnounceInput, 'event' | 'number'> | null {
  if (come.overdue > told.overdue) return { event: 'debt_overdue', number: MAX_REMINDERS + come.overdue - 1 };
  if (come.overdue > 0 || come.reminders <= told.reminders) return null;
  return { event: 'debt_reminded', number: come.reminders - 1 };
}

function nextAtMs(debt: Owed, { reminders, overdue }: Told): number {
  if (overdue > 0 || reminders >= MAX_REMINDERS) return debt.dueAtMs + overdue * DAY_MS;
  return reminderAtMs(debt, reminders + 1);
}

function reminderAtMs({ claimedAtMs, dueAtMs }: Owed, count: number): number {
  return dueAtMs - (dueAtMs - claimedAtMs) / 2 ** count;
}

function showOwed(debt: Owed, state: string): void {
  const { title, by, open, dueAtMs } = debt;
  show(state, { waitingFor: open.join(' & '), dueAtMs });
  const until = new Date(dueAtMs).toISOString();
  setCurrentDetails(
    `**${title}**\n\n${by.join(' and ')} broke the glass. Waiting for ${open.join(' and ')}, until ${until}.${
      state === 'overdue' ? ' **That is over.**' : ''
    } Until it is reviewed nobody breaks the glass again.`,
  );
}

function show(state: string, owed?: { waitingFor: string; dueAtMs: number }): void {
  upsertSearchAttributes([
    { key: SEARCH_ATTRIBUTES.state, value: `review_${state}` },
    { key: SEARCH_ATTRIBUTES.waitingFor, value: owed?.waitingFor ?? 'nobody' },
    ...(owed === undefined ? [] : [{ key: SEARCH_ATTRIBUTES.deadline, value: new Date(owed.dueAtMs).toISOString() }]),
  ]);
}

function readDebt(actionId: string): Promise<DebtStanding> {
  const activities = proxyActivities<AnnounceActivities>({
    taskQueue: TASK_QUEUES.worker,
    startToCloseTimeout: '30 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary: 'Read what is owed',
  });
  return activities.readDebt({ actionId });
}

/** A channel that is away for an hour is not waited for longer: the record has it in any case. */
async function announce(input: AnnounceInput): Promise<void> {
  const activities = proxyActivities<AnnounceActivities>({
    taskQueue: TASK_QUEUES.worker,
    startToCloseTimeout: '1 minute',
    scheduleToCloseTimeout: '1 hour',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary: `Tell the channels: ${input.event}`,
  });
  try {
    await activities.announce(input);
  } catch (error) {
    log.warn('An announcement failed', { event: input.event, error: String(error) });
  }
}
