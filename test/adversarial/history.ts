import type { WorkflowHandle } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { until } from '../support/until.js';

export type History = temporal.api.history.v1.IHistory;
type Event = temporal.api.history.v1.IHistoryEvent;

/** How often an activity was scheduled. */
export function activitiesIn({ events }: History, name: string): number {
  return (events ?? []).filter((event) => isScheduled(event, name)).length;
}

/** How many runs of an activity have ended, well or not. */
function endedIn({ events }: History, name: string): number {
  const scheduled = new Set(
    (events ?? []).filter((event) => isScheduled(event, name)).map(({ eventId }) => String(eventId)),
  );
  return (events ?? []).filter((event) => scheduled.has(scheduledIdOf(event))).length;
}

/** Until the workflow has had this many signalled decisions verified. */
export async function untilJudged(handle: WorkflowHandle, hints: number): Promise<void> {
  await until(async () => endedIn(await handle.fetchHistory(), 'verifyHint') >= hints);
}

function isScheduled({ activityTaskScheduledEventAttributes: scheduled }: Event, name: string): boolean {
  return scheduled?.activityType?.name === name;
}

function scheduledIdOf(event: Event): string {
  const ended =
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskCanceledEventAttributes ??
    event.activityTaskTimedOutEventAttributes;
  return String(ended?.scheduledEventId ?? '');
}
