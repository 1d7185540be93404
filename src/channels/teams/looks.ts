import { Refusal } from '../../core/errors.js';
import type { KnownMessage, MessageAddress, MessageKey } from '../message/message-store.js';
import { MESSAGE_SLOT } from '../message/showings.js';
import { baseOf, type CardLook } from './activity.js';
import type { Card } from './card.js';
import { cardOf, type HandlerOptions } from './handlers.js';
import { refreshing } from './refresh.js';
import { renderReplaced } from './render.js';
import { MESSAGE_GONE, TEAMS_CHANNEL_NAME } from './show-card.js';
import { TeamsFault, type ClickAnswer, type OutgoingMessage } from './teams-api.js';

/** What whoever looks is told when there is nothing to show them. */
const NOT_KEPT = 'Countersign does not keep this message up to date. Use the newest one, or the full view.';

/**
 * Answers who looks at a message of ours, which decides nothing, and heals what stands there without our knowledge because
 * Teams' answer to its post was lost: where none is known it is the one that is kept from now on, else it is taken away.
 */
export interface Looks {
  /**
   * @returns the card as it now is, when the message is one that is kept: what everybody in the conversation sees.
   * @throws Refusal `forbidden` for a message that is kept about something else than the card says.
   */
  answer(look: CardLook): Promise<ClickAnswer>;
}

export function createLooks(options: HandlerOptions): Looks {
  // Many look at once, and each message is healed once.
  const healing = new Map<string, Promise<ClickAnswer>>();
  return {
    async answer(look) {
      const { place, messageId, subject, slot } = look;
      const address = { conversation: place.conversation, ts: messageId };
      const kept = await options.store.keptAt(TEAMS_CHANNEL_NAME, address);
      if (kept === undefined) {
        const about = `${place.conversation}/${messageId}/${subject}/${slot}`;
        const begun = healing.get(about) ?? heal(look, address, options).finally(() => healing.delete(about));
        healing.set(about, begun);
        return begun;
      }
      if (kept.subject !== subject || kept.slot !== slot)
        throw new Refusal('forbidden', 'This message is about something else than its card says.', 'message');
      return shownTo(look, await options.store.known(kept), options);
    },
  };
}

async function shownTo(
  { subject, slot, attemptedAtMs, user }: CardLook,
  known: KnownMessage | undefined,
  options: HandlerOptions,
): Promise<ClickAnswer> {
  const key = { channelName: TEAMS_CHANNEL_NAME, subject, slot };
  const current = await currentOf(key, known, options);
  // Teams asks again when the card changes, or is looked at a minute later.
  return current === undefined ? NOT_KEPT : refreshing(current.card, { ...key, attemptedAtMs }, [user.id]);
}

async function heal(look: CardLook, address: MessageAddress, options: HandlerOptions): Promise<ClickAnswer> {
  const { place, messageId, subject, slot, attemptedAtMs } = look;
  const { store, api } = options;
  const key: MessageKey = { channelName: TEAMS_CHANNEL_NAME, subject, slot };
  const known = await store.known(key);
  // Not one of ours, as far as is known: the table may have been lost.
  if (known === undefined) return NOT_KEPT;
  const isHere = baseOf(known.conversation) === place.conversation;
  // The very one that is kept, by another name than Teams gave when it was posted.
  if (known.state === 'posted' && known.attemptedAtMs === attemptedAtMs)
    return isHere ? shownTo(look, known, options) : NOT_KEPT;
  const isSought = isHere && (known.state === 'posting' || known.state === 'unclear');
  const current = isSought ? await currentOf(key, known, options) : undefined;
  if (current !== undefined) {
    // That Teams lets us change it proves that it is ours. Only then is it kept.
    const isOurs = await succeeds(api.update(place, messageId, current));
    if (!isOurs) return NOT_KEPT;
    if (await store.adopt(key, { ...address, conversation: known.conversation }, attemptedAtMs)) return current.card;
  }
  return takeAway(look, options);
}

/** A message beside the one that is kept, or one that nobody asked for. */
async function takeAway({ place, messageId, subject }: CardLook, options: HandlerOptions): Promise<Card> {
  const { api } = options;
  const replaced = renderReplaced(subject, options);
  try {
    await api.remove(place, messageId);
  } catch (error) {
    if (!(error instanceof TeamsFault)) throw error;
    // Where it may not be taken away, it loses its buttons.
    if (error.kind === 'refused' && !MESSAGE_GONE.has(error.teamsCode))
      await succeeds(api.update(place, messageId, replaced));
  }
  return replaced.card;
}

/** Undefined: it cannot be drawn. */
async function currentOf(
  { subject, slot }: MessageKey,
  known: KnownMessage | undefined,
  options: HandlerOptions,
): Promise<OutgoingMessage | undefined> {
  if (slot !== MESSAGE_SLOT && !slot.startsWith(`${MESSAGE_SLOT}/`)) {
    // Written by our own processes, as a card.
    const said = (known?.said ?? undefined) as Card | undefined;
    return said === undefined ? undefined : { summary: said.fallbackText, card: said };
  }
  const view = await options.viewOf(subject);
  return view === undefined ? undefined : cardOf(view, options);
}

/** Whether Teams did it. */
async function succeeds(call: Promise<void>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (error instanceof TeamsFault) return false;
    throw error;
  }
}
