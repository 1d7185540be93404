import type { ActionView } from '../../record/action-view.js';
import type { Aim } from './show-everywhere.js';

/** Code of the refusal on record that says where an action is not shown. It ends nothing. */
export const PLACE_GIVEN_UP = 'place_given_up';

/** A place that a channel cannot use, and does not try again. */
export interface GivenUp {
  channelName: string;
  slot: string;
  /** As words: `in the place prod`, `to ben`. */
  where: string;
  /** The service's own. */
  code: string;
}

/** Notes that an action is not shown somewhere. Once for each slot, whatever is told how often. */
export type NoteGivenUp = (view: ActionView, what: GivenUp) => Promise<void>;

/** Where an aim leads, as words; null for a message that nobody asks for any more. */
export function whereTo(aim: Aim): string | null {
  switch (aim.kind) {
    case 'named':
      return `in the place ${aim.name}`;
    case 'direct':
      return `to ${aim.person}`;
    case 'configured':
    case 'left':
      return null;
  }
}
