import { log, proxyActivities } from '@temporalio/workflow';
import {
  TASK_QUEUES,
  type AnnounceActivities,
  type AnnounceInput,
  type AnnouncementEvent,
  type Prepared,
} from '../../src/contracts/activities.js';

/** Tells the channels, one announcement after the other, beside the review: a channel that is down holds up nobody. */
export interface Announcer {
  tell(event: AnnouncementEvent): void;
  /** Starts no further announcement; `conclude` tells the end. */
  stop(): void;
}

export function createAnnouncer({ actionId, announces = true }: Prepared): Announcer {
  let number = 0;
  let stopped = false;
  let last: Promise<void> = Promise.resolve();
  const next = async (input: AnnounceInput): Promise<void> => {
    if (!stopped) await announce(input);
  };
  return {
    tell(event) {
      if (!announces) return;
      number += 1;
      const input = { actionId, event, number };
      last = last
        .then(() => next(input))
        .catch((error: unknown) => {
          log.warn('An announcement failed', { event, error: String(error) });
        });
    },
    stop() {
      stopped = true;
    },
  };
}

function announce(input: AnnounceInput): Promise<void> {
  const activities = proxyActivities<AnnounceActivities>({
    taskQueue: TASK_QUEUES.worker,
    startToCloseTimeout: '1 minute',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary: `Tell the channels: ${input.event}`,
  });
  return activities.announce(input);
}
