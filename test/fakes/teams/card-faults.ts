import { AdaptiveCard, SerializationContext, ValidationEvent, type IValidationEvent } from 'adaptivecards';
import type { Card } from '../../../src/channels/teams/card.js';

/** What Microsoft's own parser finds wrong with a card, its inner cards included. */
export function faultsOf(card: Card): string[] {
  const parsed = new AdaptiveCard();
  const parsing = new SerializationContext();
  parsed.parse(card, parsing);
  const events: IValidationEvent[] = [];
  for (let index = 0; index < parsing.eventCount; index += 1) events.push(parsing.getEventAt(index));
  events.push(...parsed.validateProperties().validationEvents);
  return events.map(({ event, message }) => `${ValidationEvent[event]}: ${message}`);
}
