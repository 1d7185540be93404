import { condition, defineUpdate, proxyActivities, setHandler } from '@temporalio/workflow';
import type { FloorActivities } from './activities.js';

/** A decision; its content is not looked at. */
export const floorDecide = defineUpdate<string, [unknown]>('decide');

/** The bare way of an action: four activities on the queues of three processes, and one update. */
export async function floorAction({ actionId }: { actionId: string; request: unknown }): Promise<string> {
  let decided = false;
  setHandler(floorDecide, () => {
    decided = true;
    return 'filled';
  });
  const { prepare, announce } = proxyActivities<FloorActivities>({
    taskQueue: 'floor',
    startToCloseTimeout: '1 minute',
  });
  const preview = await prepare(actionId);
  const announced = announce(actionId);
  await condition(() => decided);
  const { run } = proxyActivities<FloorActivities>({ taskQueue: 'floor-execute', startToCloseTimeout: '1 minute' });
  const execution = await run(actionId);
  const { conclude } = proxyActivities<FloorActivities>({ taskQueue: 'floor-notary', startToCloseTimeout: '1 minute' });
  await Promise.all([conclude(actionId, [preview, execution]), announced]);
  return 'done';
}
