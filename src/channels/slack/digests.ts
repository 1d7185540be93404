import { ServiceFault } from '../../core/errors.js';
import type { Directory } from '../../directory/directory.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import type { ActionView } from '../../record/action-view.js';
import type { Log } from '../log.js';
import type { DigestClaim, DigestStore } from '../message/digest-store.js';
import { DIRECT_MESSAGES, waitsFor } from '../message/showings.js';
import type { Waiting } from '../waiting.js';
import { calledOn, slackUserOf } from './mentions.js';
import { patiently, postOnce, type Pause, type PostOptions } from './post-once.js';
import { SLACK_CHANNEL_NAME } from './show-message.js';
import { SlackFault } from './slack-api.js';
import { waitingList } from './waiting-list.js';

export interface DigestOptions extends PostOptions {
  digests: {
    store: DigestStore;
    /** A person gets one at most in this time. */
    everyMs: number;
    /** Reads what is open now; the answer tells what of it waits for a person. */
    readWaiting: () => Promise<(person: string) => Waiting>;
  };
  config: { teamId: string; publicUrl: string };
  onCall: Pick<OnCall, 'of'>;
  log: Log;
  pause: Pause;
}

/** What became of a reminder. */
export interface Reminded {
  /** Somebody who is called on cannot be written to: the thread must remind them. */
  needsLine: boolean;
  /** Why a digest was not sent, and can be later; null: none failed so. */
  fault: ServiceFault | null;
}

/**
 * Reminds those whom the action waits for: each by one direct message in a while, which lists all that waits for them.
 * In their quiet hours it is left out, unless it presses; the next reminder lists it.
 * @param directory as it is now: whoever is away has given their place to another.
 */
export async function sendDigests(
  view: ActionView,
  number: number,
  { directory, ...options }: DigestOptions & { directory: Directory },
): Promise<Reminded> {
  const { config, onCall, clock, log } = options;
  const people = await calledOn(groupsAsked(view), (person) => waitsFor(view, person, directory), {
    directory,
    teamId: config.teamId,
    onCall,
  });
  const addressed = people.flatMap((person) => {
    const userId = slackUserOf(person, directory, config.teamId);
    return userId === undefined ? [] : [{ person, userId }];
  });
  const reached = addressed.slice(0, DIRECT_MESSAGES);
  const reminded: Reminded = { needsLine: people.length === 0 || reached.length < people.length, fault: null };
  const read = once(options.digests.readWaiting);
  for (const { person, userId } of reached) {
    if (directory.inQuietHours(person, clock()) && !presses(view, person, directory, clock())) continue;
    try {
      await patiently(() => sendDigest({ view, number, person, userId, read }, options), options.pause);
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      if (error instanceof SlackFault && !error.temporary) {
        log.warn({ person, slackCode: error.slackCode }, 'Slack cannot write to a person: reminded in the thread');
        reminded.needsLine = true;
      } else reminded.fault ??= error;
    }
  }
  return reminded;
}

function groupsAsked({ quorum, escalated }: ActionView): string[] {
  return [...new Set([...(quorum?.open ?? []), ...escalated].map(({ group }) => group))];
}

/** Whether a reminder goes out in the person's quiet hours too. */
function presses(view: ActionView, person: string, directory: Directory, nowMs: number): boolean {
  const groups = directory.groupsOf(person);
  const { openedAtMs, expiresAtMs } = view;
  return (
    view.risk === 'critical' ||
    view.escalated.some(({ group }) => groups.includes(group)) ||
    (openedAtMs !== null && nowMs >= expiresAtMs - (expiresAtMs - openedAtMs) / 4)
  );
}

interface Due {
  view: ActionView;
  /** Of the announcement. */
  number: number;
  person: string;
  userId: string;
  read: () => Promise<(person: string) => Waiting>;
}

async function sendDigest({ view, number, person, userId, read }: Due, options: DigestOptions): Promise<void> {
  const { api, store, clock, config, digests } = options;
  const reminder = `${String(view.round)}/${String(number)}`;
  const key = { channelName: SLACK_CHANNEL_NAME, actionId: view.actionId, slot: `digest/${reminder}/${person}` };
  if ((await store.posted(key)) !== undefined) return;
  // First, because it tells who cannot be written to, whatever they were sent before.
  const conversation = await api.openDirect(userId);
  const claim: DigestClaim = {
    channelName: SLACK_CHANNEL_NAME,
    person,
    holder: `${view.actionId}/${reminder}`,
  };
  if (!(await digests.store.claim(claim, clock(), digests.everyMs))) return;
  const release = (): Promise<void> => digests.store.release(claim);
  const waiting = await read().then(
    (waitingFor) => waitingFor(person),
    async (error: unknown) => {
      await release();
      throw error;
    },
  );
  // It was decided meanwhile, or policy does not let this person decide on it.
  if (!waiting.isCut && !waiting.views.some(({ actionId }) => actionId === view.actionId)) return release();
  await postOnce(
    {
      key,
      conversation,
      eventType: 'countersign_digest',
      compose: async () => waitingList(waiting, config.publicUrl),
      onAbsent: release,
    },
    options,
  );
}

/** Asks when it is first needed, and again only after a failure. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
}
