import type { MessageKey, MessageStore } from '../message/message-store.js';
import { beingPosted, isClear } from './show-card.js';
import type { OutgoingMessage, Place, TeamsApi } from './teams-api.js';

export interface PostOptions {
  api: TeamsApi;
  store: MessageStore;
  clock: () => number;
}

/** A message that is posted once and never updated. */
export interface OneOff {
  key: MessageKey;
  place: Place;
  /** Asked for only when it is posted. */
  compose: () => Promise<OutgoingMessage>;
  /** Called when it certainly was not posted. */
  onAbsent?: () => Promise<void>;
}

/**
 * Posts a message, unless it is there. Behind an unclear post it is repeated, once Teams answers again.
 * @throws ServiceFault as `Channel.announce`.
 */
export async function postOnce(message: OneOff, { api, store, clock }: PostOptions): Promise<void> {
  const { key, place } = message;
  const reservation = await store.reserve(key, place.conversation, clock());
  if (reservation.kind === 'posted') return;
  if (reservation.kind === 'held') throw beingPosted(key.actionId);
  const isUnsure = reservation.kind === 'search';
  try {
    if (isUnsure) await api.requireAnswer(place);
    await store.settle(key, await api.post(place, await message.compose()));
  } catch (error) {
    const isAbsent = isClear(error) && !isUnsure;
    await store.release(key, isAbsent ? 'absent' : 'unclear');
    if (isAbsent) await message.onAbsent?.();
    throw error;
  }
}
