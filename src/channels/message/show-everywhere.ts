import { ServiceFault } from '../../core/errors.js';
import type { ActionView } from '../../record/action-view.js';
import { Overtaken } from '../channel.js';
import { isDecidable } from './layout.js';
import type { MessageStore } from './message-store.js';
import { MESSAGE_SLOT, showingsOf, type Reach, type Showing } from './showings.js';

/** A message to be brought up to date; `left`: no longer asked for, but still there. */
export type Aim = (Showing | { kind: 'left'; slot: string; conversation: string }) & {
  /** False: nothing is posted anew. */
  mayPost: boolean;
};

/** What became of one message. */
export type Told = 'shown' | 'nowhere' | 'given_up';

export interface ShowEverywhereOptions {
  channelName: string;
  store: Pick<MessageStore, 'shown'>;
  reach: Reach;
}

/**
 * Brings every message about an action up to date: those that policy asks for now, and those that are still there.
 * All are tried, whatever becomes of one.
 * @throws the gravest of the faults: that the view is old, then what may pass.
 */
export async function showEverywhere(
  view: ActionView,
  tell: (aim: Aim) => Promise<Told>,
  options: ShowEverywhereOptions,
): Promise<void> {
  const told = await tellAll(await aimsOf(view, options), tell);
  // All places that policy names were given up: the action must still be seen.
  if (told.includes('given_up') && !told.includes('shown'))
    await tellAll([{ kind: 'configured', slot: MESSAGE_SLOT, mayPost: true }], tell);
}

async function aimsOf(view: ActionView, { channelName, store, reach }: ShowEverywhereOptions): Promise<Aim[]> {
  const there = await store.shown(channelName, view.actionId, MESSAGE_SLOT);
  // What was refused before anyone was asked is on record, and no matter for a chat; a stolen credential always is.
  const showings = view.plan === null && view.incidents.length === 0 ? [] : showingsOf(view, reach);
  // Nobody is written to about what they cannot decide any more.
  const wanted = showings
    .map((showing) => ({ ...showing, mayPost: showing.kind !== 'direct' || isDecidable(view) }))
    .filter(({ mayPost, slot }) => mayPost || there.some((message) => message.slot === slot));
  const left = there
    .filter(({ slot }) => !wanted.some((aim) => aim.slot === slot))
    .map(({ slot, conversation }): Aim => ({ kind: 'left', slot, conversation, mayPost: false }));
  return [...wanted, ...left];
}

async function tellAll(aims: readonly Aim[], tell: (aim: Aim) => Promise<Told>): Promise<Told[]> {
  const told: Told[] = [];
  const faults: ServiceFault[] = [];
  for (const aim of aims) {
    try {
      told.push(await tell(aim));
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      faults.push(error);
    }
  }
  const fault: ServiceFault | undefined =
    faults.find((one) => one instanceof Overtaken) ?? faults.find(({ temporary }) => temporary) ?? faults[0];
  if (fault !== undefined) throw fault;
  return told;
}
