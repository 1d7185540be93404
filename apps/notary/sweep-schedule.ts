import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client, type ScheduleSpec } from '@temporalio/client';
import { TASK_QUEUES } from '../../src/contracts/activities.js';

export const SWEEP_SCHEDULE_ID = 'countersign-sweep';

/**
 * The sweep as a Temporal Schedule, so that operators see it run; the notary's own loop goes on when Temporal is away. Of one
 * that is there already only the interval is changed, when it is another: whether it is paused, and why, is its operators'.
 */
export async function scheduleSweep(client: Client, everySeconds: number): Promise<void> {
  const spec: ScheduleSpec = { intervals: [{ every: everySeconds * 1_000 }] };
  try {
    await client.schedule.create({
      scheduleId: SWEEP_SCHEDULE_ID,
      spec,
      policies: { overlap: ScheduleOverlapPolicy.SKIP },
      action: {
        type: 'startWorkflow',
        workflowType: 'sweepLeases',
        workflowId: SWEEP_SCHEDULE_ID,
        taskQueue: TASK_QUEUES.worker,
      },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const schedule = client.schedule.getHandle(SWEEP_SCHEDULE_ID);
    const { intervals } = (await schedule.describe()).spec;
    const isSame = intervals?.length === 1 && intervals[0]?.every === everySeconds * 1_000;
    if (!isSame) await schedule.update((found) => ({ ...found, spec }));
  }
}
