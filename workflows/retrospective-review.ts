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

type Owed = Extract<DebtStanding, { kind: 'owed' }>;

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
  const actionId = actionIdIn(input);
  const told = toldIn(input);
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
    const due = nextTold(debt, told);
    if (due.atMs <= Date.now()) {
      await announce({ actionId, event: due.event, number: told.reminders + told.overdue });
      told[due.event === 'debt_overdue' ? 'overdue' : 'reminders'] += 1;
      continue;
    }
    if (looks >= LOOKS_PER_RUN) await continueAsNew<typeof retrospectiveReview>({ actionId, told });
    const waitMs = Math.min(due.atMs - Date.now(), LOOK_EVERY_MS);
    await condition(() => hasNews, waitMs, { summary: `Waits for ${debt.open.join(' and ')}` });
  }
}

/** Whoever may write to the namespace may start it with any input: the activity refuses what is no action's id. */
function actionIdIn(input: unknown): string {
  return (input as RetrospectiveReviewInput | null | undefined)?.actionId ?? '';
}

function toldIn(input: unknown): { reminders: number; overdue: number } {
  const told = (input as RetrospectiveReviewInput | null | undefined)?.told;
  const countOf = (count: unknown): number => (Number.isSafeInteger(count) ? Math.max(0, count as number) : 0);
  return { reminders: countOf(told?.reminders), overdue: countOf(told?.overdue) };
}

/** Reminders at a half, three quarters and seven eighths of the time; then each day that it is late. */
function nextTold(
  { claimedAtMs, dueAtMs }: Owed,
  told: { reminders: number; overdue: number },
): { event: 'debt_reminded' | 'debt_overdue'; atMs: number } {
  const reminderAtMs = dueAtMs - (dueAtMs - claimedAtMs) / 2 ** (told.reminders + 1);
  if (told.overdue === 0 && told.reminders < MAX_REMINDERS && Date.now() < dueAtMs)
    return { event: 'debt_reminded', atMs: reminderAtMs };
  return { event: 'debt_overdue', atMs: dueAtMs + told.overdue * DAY_MS };
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
