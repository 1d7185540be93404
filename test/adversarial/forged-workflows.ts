import { proxyActivities, sleep } from '@temporalio/workflow';

/** What a forged workflow asks for. */
export interface Forgery {
  taskQueue: string;
  activity: string;
  args: unknown[];
}

/** Anyone who may write to a namespace can run this: it asks a queue of ours for whatever it likes. */
export async function forged({ taskQueue, activity, args }: Forgery): Promise<unknown> {
  const activities = proxyActivities<Record<string, (...input: unknown[]) => Promise<unknown>>>({
    taskQueue,
    startToCloseTimeout: '30 seconds',
    retry: { maximumAttempts: 1 },
  });
  return activities[activity]?.(...args);
}

/** Says that it is the action's workflow, and only sits there. */
export async function idle(): Promise<void> {
  await sleep('1 hour');
}
