import { ServiceFault } from '../../core/errors.js';
import type { Directory } from '../../directory/directory.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import type { ActionView } from '../../record/action-view.js';
import type { Log } from '../log.js';
import type { Waiting } from '../waiting.js';
import { calledOn } from './called-on.js';
import type { DigestClaim, DigestStore } from './digest-store.js';
import type { MessageKey, MessageStore } from './message-store.js';
import { patiently, type Pause } from './patiently.js';
import { DIRECT_MESSAGES, waitsFor } from './showings.js';

/** How a channel writes digests to single people. */
export interface DigestMail {
  channelName: string;
  /** How to open the conversation with a person; undefined when the channel knows no account of theirs. */
  to(person: string, directory: Directory): (() => Promise<string>) | undefined;
  /** Posts one, unless it is there. */
  post(digest: Digest): Promise<void>;
  /** Whether what a call rejected with says that this person cannot be written to. */
  isUnreachable(error: unknown): boolean;
}

/** One digest, to be posted once. */
export interface Digest {
  key: MessageKey;
  conversation: string;
  waiting: Waiting;
  /** Called when it certainly was not posted. */
  onAbsent: () => Promise<void>;
}

/** What a channel that reminds by digests is given. */
export interface DigestSettings {
  store: DigestStore;
  /** A person gets one at most in this time. */
  everyMs: number;
  /** Reads what is open now; the answer tells what of it waits for a person. */
  readWaiting: () => Promise<(person: string) => Waiting>;
}

export interface DigestOptions {
  mail: DigestMail;
  digests: DigestSettings;
  store: Pick<MessageStore, 'posted'>;
  onCall: Pick<OnCall, 'of'>;
  log: Log;
  pause: Pause;
  clock: () => number;
}

/** What became of a reminder. */
export interface Reminded {
  /** Somebody who is called on cannot be written to: the thread must remind them. */
  needsLine: boolean;
  /** Why a digest was not sent, and can be later; null: none failed so. */
  fault: ServiceFault | null;
}

/** Of an announcement that is no reminder. */
export const NOT_REMINDED: Reminded = { needsLine: false, fault: null };

/**
 * Reminds those whom the action waits for: each by one direct message in a while, which lists all that waits for them.
 * In their quiet hours it is held, unless it presses: `sendHeld` sends it when they are over.
 * @param directory as it is now: whoever is away has given their place to another.
 */
export async function sendDigests(
  view: ActionView,
  number: number,
  { directory, ...options }: DigestOptions & { directory: Directory },
): Promise<Reminded> {
  const { mail, onCall, clock, log, digests } = options;
  const { channelName } = mail;
  const people = await calledOn(groupsAsked(view), (person) => waitsFor(view, person, directory), {
    directory,
    onCall,
    isReachable: (person) => mail.to(person, directory) !== undefined,
  });
  const addressed = people.flatMap((person) => {
    const open = mail.to(person, directory);
    return open === undefined ? [] : [{ person, open }];
  });
  const reached = addressed.slice(0, DIRECT_MESSAGES);
  const reminded: Reminded = { needsLine: people.length === 0 || reached.length < people.length, fault: null };
  const read = once(digests.readWaiting);
  const reminder = `${String(view.round)}/${String(number)}`;
  const { actionId } = view;
  for (const { person, open } of reached) {
    if (directory.inQuietHours(person, clock()) && !presses(view, person, directory, clock())) {
      await digests.store.hold({ channelName, person, actionId, reminder }, clock());
      continue;
    }
    try {
      await sendDigest({ person, open, reminder, actionId, about: actionId, read }, options);
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      if (mail.isUnreachable(error)) {
        log.warn({ person, channel: channelName, err: error }, 'a person cannot be written to: reminded in the thread');
        reminded.needsLine = true;
      } else reminded.fault ??= error;
    }
  }
  return reminded;
}

/**
 * Sends what was held in people's quiet hours to those for whom they are over, and for whom something still waits.
 * @throws ServiceFault when some could not be sent: they stay held.
 */
export async function sendHeld({ directory, ...options }: DigestOptions & { directory: Directory }): Promise<void> {
  const { mail, digests, clock, log } = options;
  const faults: ServiceFault[] = [];
  const read = once(digests.readWaiting);
  for (const held of await digests.store.held(mail.channelName)) {
    const { person, actionId, reminder } = held;
    if (directory.inQuietHours(person, clock())) continue;
    const open = mail.to(person, directory);
    try {
      if (open !== undefined)
        await sendDigest({ person, open, reminder: `held/${reminder}`, actionId, about: null, read }, options);
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      if (!mail.isUnreachable(error)) {
        faults.push(error);
        continue;
      }
      log.warn(
        { person, channel: mail.channelName, err: error },
        'a person cannot be written to: a held reminder is lost',
      );
    }
    await digests.store.letGo(held);
  }
  const [fault] = faults;
  if (fault !== undefined) throw fault;
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
  person: string;
  open: () => Promise<string>;
  /** Names it among those about the action. */
  reminder: string;
  actionId: string;
  /** The action without which it is not sent; null: any that waits will do. */
  about: string | null;
  read: () => Promise<(person: string) => Waiting>;
}

async function sendDigest(due: Due, options: DigestOptions): Promise<void> {
  await patiently(() => trySendDigest(due, options), options.pause);
}

async function trySendDigest(
  { person, open, reminder, actionId, about, read }: Due,
  { mail, digests, store, clock }: DigestOptions,
): Promise<void> {
  const { channelName } = mail;
  const key = { channelName, subject: actionId, slot: `digest/${reminder}/${person}` };
  if ((await store.posted(key)) !== undefined) return;
  // First, because it tells who cannot be written to, whatever they were sent before.
  const conversation = await open();
  const claim: DigestClaim = { channelName, person, holder: `${actionId}/${reminder}` };
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
  const isDue = about === null ? waiting.views.length > 0 : waiting.views.some((view) => view.actionId === about);
  if (!isDue && !(waiting.isCut && about !== null)) return release();
  await mail.post({ key, conversation, waiting, onAbsent: release });
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
