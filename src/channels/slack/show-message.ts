import { ServiceFault } from '../../core/errors.js';
import { Overtaken } from '../channel.js';
import type { MessageAddress, MessageKey, MessageStore } from '../message/message-store.js';
import { MESSAGE_SLOT } from '../message/showings.js';
import { SlackFault, type MessageMetadata, type OutgoingMessage, type SlackApi } from './slack-api.js';

/** The channel's name in decisions, configuration and the message store. */
export const SLACK_CHANNEL_NAME = 'slack';

export interface ShowOptions {
  api: SlackApi;
  store: MessageStore;
  clock: () => number;
}

/** What a message shows. */
export interface MessageContent {
  /** As `MessageKey`. */
  subject: string;
  /** How far it has come; later contents have more. */
  revision: number;
  /** Of its metadata, which hold the subject besides: by these an unclear post is found again. */
  eventType: 'countersign_action' | 'countersign_notice';
  render: () => Promise<OutgoingMessage>;
  /** The least that can be posted, for when Slack refuses the whole. */
  renderLeast: () => OutgoingMessage;
}

/** Where one message belongs. */
export interface Target {
  slot: string;
  /** Ids of conversations, best first: the next is used when one is archived or gone. */
  conversations: readonly string[];
  /** False: what is there is brought up to date, and nothing is posted anew. */
  mayPost: boolean;
}

/** Refusals after which another conversation is the only way. */
export const CONVERSATION_GONE: ReadonlySet<string> = new Set([
  'channel_not_found',
  'is_archived',
  'not_in_channel',
  'is_inactive',
  'restricted_action',
]);
/** Refusals after which the message must be posted anew. */
const MESSAGE_GONE: ReadonlySet<string> = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);
const BLOCKS_REFUSED: ReadonlySet<string> = new Set([
  'msg_blocks_too_long',
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_too_long',
]);

/** How far Slack's clock may be behind ours when an unclear post is looked for. */
export const SEARCH_MARGIN_MS = 60_000;
/** A message that vanishes again and again while we post it is an operator's matter. */
const ATTEMPTS = 5;

/**
 * Makes one message show `content`: posts it once, then updates it; an unclear post is looked for before it is repeated.
 * @returns where it is; undefined when there is none and none may be posted.
 * @throws SlackFault with a code of `CONVERSATION_GONE` when none of the conversations takes it.
 * @throws Overtaken as `Channel.announce`.
 */
export async function showMessage(
  content: MessageContent,
  target: Target,
  options: ShowOptions,
): Promise<MessageAddress | undefined> {
  const key = { channelName: SLACK_CHANNEL_NAME, subject: content.subject, slot: target.slot };
  const gone = new Set<string>();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const conversation = target.conversations.find((candidate) => !gone.has(candidate));
    if (conversation === undefined)
      throw new SlackFault('refused', 'The Slack channel is archived, gone or closed to the app.', 'channel_not_found');
    const reservation = await options.store.reserve(key, conversation, options.clock());
    const shown = await onReservation(reservation, { key, conversation, content, gone, target, options });
    if (shown === 'nowhere') return undefined;
    if (shown !== 'again') return shown;
  }
  throw new SlackFault(
    'refused',
    `The Slack message about ${content.subject} vanished ${String(ATTEMPTS)} times.`,
    'message_not_found',
  );
}

/** `again`: try elsewhere or anew. `nowhere`: it is not there, and none may be posted. */
type Shown = MessageAddress | 'again' | 'nowhere';

interface Attempt {
  key: MessageKey;
  conversation: string;
  content: MessageContent;
  /** Conversations found unusable; grows. */
  gone: Set<string>;
  target: Target;
  options: ShowOptions;
}

async function onReservation(
  reservation: Awaited<ReturnType<MessageStore['reserve']>>,
  attempt: Attempt,
): Promise<Shown> {
  switch (reservation.kind) {
    case 'held':
      throw beingPosted(attempt.content.subject);
    case 'posted':
      return update(reservation.address, attempt);
    case 'post':
      return post(attempt);
    case 'search': {
      const { conversation, sinceMs } = reservation;
      const search = (): Promise<MessageAddress | undefined> =>
        attempt.options.api.find(conversation, sinceMs - SEARCH_MARGIN_MS, isMessageOf(attempt));
      // A search that fails leaves it as unclear as it was.
      const found = await guarded({ ...attempt, conversation }, search, 'unclear');
      if (found === undefined) return 'again';
      if (found.value === undefined) return post({ ...attempt, conversation });
      await attempt.options.store.settle(attempt.key, found.value);
      return update(found.value, attempt);
    }
  }
}

async function post(attempt: Attempt): Promise<Shown> {
  const { key, conversation, content, target, options } = attempt;
  if (!target.mayPost) {
    await options.store.release(key, 'absent');
    return 'nowhere';
  }
  const posted = await guarded(attempt, () =>
    withNotice(attempt, (message) => options.api.post(conversation, message)),
  );
  if (posted === undefined) return 'again';
  await options.store.settle(key, posted.value);
  await options.store.advance(key, content.revision);
  return posted.value;
}

/** Calls Slack under a reservation, and gives the reservation back when it fails. Undefined: the conversation is unusable. */
async function guarded<T>(
  { key, conversation, gone, options }: Attempt,
  ask: () => Promise<T>,
  whenRefused: 'absent' | 'unclear' = 'absent',
): Promise<{ value: T } | undefined> {
  try {
    return { value: await ask() };
  } catch (error) {
    if (error instanceof SlackFault && CONVERSATION_GONE.has(error.slackCode)) {
      await options.store.release(key, 'absent');
      gone.add(conversation);
      return undefined;
    }
    await options.store.release(key, error instanceof SlackFault && error.kind !== 'unclear' ? whenRefused : 'unclear');
    throw error;
  }
}

async function update(address: MessageAddress, attempt: Attempt): Promise<Shown> {
  const { key, content, gone, target, options } = attempt;
  const { api, store } = options;
  if (!(await store.advance(key, content.revision))) return address;
  try {
    await withNotice(attempt, (message) => api.update(address, message));
  } catch (error) {
    if (!(error instanceof SlackFault)) throw error;
    if (error.kind === 'unclear') await checkLatest(attempt);
    if (CONVERSATION_GONE.has(error.slackCode)) gone.add(address.conversation);
    else if (!MESSAGE_GONE.has(error.slackCode)) throw error;
    await store.forget(key, address);
    return target.mayPost ? 'again' : 'nowhere';
  }
  await checkLatest(attempt);
  return address;
}

/** Two updates may have crossed on their way: only a fresh view may then be the last one. */
async function checkLatest({ key, content, options }: Attempt): Promise<void> {
  if (await options.store.advance(key, content.revision)) return;
  throw new Overtaken('slack', `A later view of ${content.subject} was shown in Slack meanwhile.`, true);
}

async function withNotice<T>({ content, key }: Attempt, send: (message: OutgoingMessage) => Promise<T>): Promise<T> {
  try {
    return await send(named(await content.render(), key));
  } catch (error) {
    if (!(error instanceof SlackFault) || !BLOCKS_REFUSED.has(error.slackCode)) throw error;
    return send(named(content.renderLeast(), key));
  }
}

/** Several messages may show the same action, even in one conversation: the metadata tells them apart. */
function named(message: OutgoingMessage, { slot }: MessageKey): OutgoingMessage {
  if (slot === MESSAGE_SLOT) return message;
  const { event_type, event_payload } = message.metadata;
  return { ...message, metadata: { event_type, event_payload: { ...event_payload, slot } } };
}

function isMessageOf({ key: { subject, slot }, content }: Attempt): (metadata: MessageMetadata) => boolean {
  return ({ event_type, event_payload }) =>
    event_type === content.eventType &&
    event_payload['action_id'] === subject &&
    (event_payload['slot'] ?? MESSAGE_SLOT) === slot;
}

export function beingPosted(subject: string): ServiceFault {
  return new ServiceFault('slack', `Another process is showing ${subject} in Slack right now.`, true, {
    retryAfterMs: 1_000,
  });
}
