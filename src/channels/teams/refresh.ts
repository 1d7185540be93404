import { TEAMS_NAMES } from './activity.js';
import { cardBytes, type Card } from './card.js';
import type { MessageKey } from '../message/message-store.js';

/** Which message a card is: every attempt to post it has its own. */
export interface CardIdentity extends Pick<MessageKey, 'subject' | 'slot'> {
  attemptedAtMs: number;
}

/** Teams refreshes a card by itself for no more people. */
export const REFRESHED_PEOPLE = 60;

/** Of the whole card: what is left to a message's 28 KB are its summary and its frame. */
const MOST_BYTES = 26_600;

/**
 * The card with Teams' order to ask us, as soon as somebody looks at it, what it should show. That tells us of a message whose post
 * got no answer (https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/universal-actions-for-adaptive-cards/work-with-universal-actions-for-adaptive-cards).
 * @param userIds Teams' ids of the people for whom it asks, best first: as many as there is room for; undefined: everybody,
 *   which Teams does in conversations of up to 60
 */
export function refreshing(
  card: Card,
  { subject, slot, attemptedAtMs }: CardIdentity,
  userIds: readonly string[] | undefined,
): Card {
  const action = {
    type: 'Action.Execute' as const,
    title: 'Refresh',
    verb: TEAMS_NAMES.refresh,
    data: { subject, slot, attempt: String(attemptedAtMs) },
  };
  if (userIds === undefined) return { ...card, refresh: { action } };
  const empty: Card = { ...card, refresh: { action, userIds: [] } };
  let room = MOST_BYTES - cardBytes(empty);
  const fitting: string[] = [];
  for (const id of userIds.slice(0, REFRESHED_PEOPLE)) {
    room -= Buffer.byteLength(JSON.stringify(id)) + 1;
    if (room < 0) break;
    fitting.push(id);
  }
  return { ...card, refresh: { action, userIds: fitting } };
}
