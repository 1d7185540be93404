import type { Json } from '../../core/json.js';
import type { MessageKey, MessageStore } from '../message/message-store.js';
import type { Lookers } from './lookers.js';
import { refreshing } from './refresh.js';
import { beingPosted, isClear, settleOnce } from './show-card.js';
import type { OutgoingMessage, Place, TeamsApi } from './teams-api.js';

export interface PostOptions {
  api: TeamsApi;
  store: MessageStore;
  lookers: Lookers;
  clock: () => number;
}

/** A message that is posted once and never updated. */
export interface OneOff {
  key: MessageKey;
  place: Place;
  /** Entra object ids of the people whom it is for. */
  accounts: readonly string[];
  /** Asked for only when it is posted. */
  compose: () => Promise<OutgoingMessage>;
  /** Called when it certainly was not posted. */
  onAbsent?: () => Promise<void>;
}

/**
 * Posts a message, unless it is there. Behind an unclear post it is repeated, once Teams answers again; what stands there
 * twice is taken away as soon as somebody looks at it (`looks.ts`).
 * @throws ServiceFault as `Channel.announce`.
 */
export async function postOnce(message: OneOff, { api, store, lookers, clock }: PostOptions): Promise<void> {
  const { key, place, accounts } = message;
  const reservation = await store.reserve(key, place.conversation, clock());
  if (reservation.kind === 'posted') return;
  if (reservation.kind === 'held') throw beingPosted(key.subject);
  const isUnsure = reservation.kind === 'search';
  try {
    if (isUnsure) await api.requireAnswer(place);
    const { summary, card } = await message.compose();
    // Whoever looks at it is given this again: it is not drawn from anything that the gateway reads.
    await store.say(key, card as unknown as Json);
    const { attemptedAtMs } = reservation;
    const refreshed = refreshing(card, { ...key, attemptedAtMs }, await lookers.of(place, accounts));
    const address = await api.post(place, { summary, card: refreshed });
    await settleOnce({ key, address, attemptedAtMs, place }, { api, store });
  } catch (error) {
    const isAbsent = isClear(error) && !isUnsure;
    await store.release(key, isAbsent ? 'absent' : 'unclear');
    if (isAbsent) await message.onAbsent?.();
    throw error;
  }
}
