import type { MessageAddress, MessageKey, MessageStore } from '../message/message-store.js';
import { beingPosted, SEARCH_MARGIN_MS } from './show-message.js';
import { SlackFault, type MessageMetadata, type OutgoingMessage, type SlackApi } from './slack-api.js';

/** A message that is posted once and never updated. */
export interface OneOff {
  key: MessageKey;
  conversation: string;
  /** Of the message in whose thread it belongs; left out: in none. */
  threadTs?: string;
  /** Of its metadata, which hold the key besides: by these an unclear post is found again. */
  eventType: string;
  /** Asked for only when it is posted. */
  compose: () => Promise<Pick<OutgoingMessage, 'text' | 'blocks'>>;
  /** Called when it certainly was not posted. */
  onAbsent?: () => Promise<void>;
}

export interface PostOptions {
  api: SlackApi;
  store: MessageStore;
  clock: () => number;
}

/**
 * Posts a message, unless it is there; an unclear post is looked for before it is repeated.
 * @throws ServiceFault as `Channel.announce`.
 */
export async function postOnce(message: OneOff, { api, store, clock }: PostOptions): Promise<void> {
  const { key, conversation, threadTs, eventType } = message;
  const reservation = await store.reserve(key, conversation, clock());
  if (reservation.kind === 'posted') return;
  if (reservation.kind === 'held') throw beingPosted(key.subject);
  const metadata = { event_type: eventType, event_payload: { action_id: key.subject, slot: key.slot } };
  try {
    const earlier =
      reservation.kind === 'search'
        ? await api.find(conversation, reservation.sinceMs - SEARCH_MARGIN_MS, matching(metadata), threadTs)
        : undefined;
    const post = async (): Promise<MessageAddress> =>
      api.post(conversation, { ...(await message.compose()), metadata }, threadTs);
    await store.settle(key, earlier ?? (await post()));
  } catch (error) {
    // A failed search leaves it as unclear as it was.
    const absent = reservation.kind === 'post' && error instanceof SlackFault && error.kind !== 'unclear';
    await store.release(key, absent ? 'absent' : 'unclear');
    if (absent) await message.onAbsent?.();
    throw error;
  }
}

function matching({ event_type: type, event_payload: sought }: OutgoingMessage['metadata']) {
  return ({ event_type, event_payload }: MessageMetadata): boolean =>
    event_type === type &&
    event_payload['action_id'] === sought['action_id'] &&
    event_payload['slot'] === sought['slot'];
}
