import type { Directory } from '../../directory/directory.js';
import { DEFAULT_PLACE, DIRECT_PLACE, type Place } from '../../directory/places.js';
import type { ActionView } from '../../record/action-view.js';
import { isDecidable } from './layout.js';

/** One message that shows an action: in the channel's configured place, in one that policy names, or to one person. */
export type Showing =
  | { kind: 'configured'; slot: string }
  | { kind: 'named'; slot: string; name: string; address: string }
  | { kind: 'direct'; slot: string; person: string };

/** The slot of the message in the configured place. */
export const MESSAGE_SLOT = 'message';

/** What a channel knows of places and people. */
export interface Reach {
  directory: Directory;
  /** Where a named place is in this channel. */
  addressOf: (place: Place) => string | undefined;
  /** The configured place. */
  configured: string;
  /** Whether a person can be written to directly. */
  isReachable: (person: string) => boolean;
}

/** A larger group is told in a place, not one by one. */
export const DIRECT_MESSAGES = 50;

/**
 * Where a channel shows an action. A channel that has none of the places that policy names, and can write to nobody
 * directly, shows it in its configured place: no policy makes an action invisible.
 */
export function showingsOf(view: ActionView, reach: Reach): Showing[] {
  const places = view.plan?.notify ?? [DEFAULT_PLACE];
  const showings = places.flatMap((name): Showing[] => {
    if (name === DEFAULT_PLACE) return [CONFIGURED];
    if (name === DIRECT_PLACE) return directShowings(view, reach);
    const place = reach.directory.place(name);
    const address = place === undefined ? undefined : reach.addressOf(place);
    if (address === undefined) return [];
    return [
      address === reach.configured
        ? CONFIGURED
        : { kind: 'named', slot: `${MESSAGE_SLOT}/place/${name}`, name, address },
    ];
  });
  const addresses = showings.map((showing) => (showing.kind === 'named' ? showing.address : showing.slot));
  const distinct = showings.filter((_, index) => addresses.indexOf(addresses[index] ?? '') === index);
  return distinct.length === 0 ? [CONFIGURED] : distinct;
}

const CONFIGURED: Showing = { kind: 'configured', slot: MESSAGE_SLOT };

function directShowings(view: ActionView, { directory, isReachable }: Reach): Showing[] {
  return mayDecide(view, directory)
    .filter(isReachable)
    .slice(0, DIRECT_MESSAGES)
    .map((person) => ({ kind: 'direct', slot: directSlot(person), person }));
}

/** The slot of the message to one person. */
function directSlot(person: string): string {
  return `${MESSAGE_SLOT}/direct/${person}`;
}

/** Whose approval could fill a place in this round: members of the groups asked, and not barred. Canonical, sorted. */
export function mayDecide({ plan, escalated, barred }: ActionView, directory: Directory): string[] {
  const groups = [...(plan?.stages ?? []), ...escalated].map(({ group }) => group);
  const excluded = new Set(barred.map(({ person }) => person));
  const people = new Set(groups.flatMap((group) => directory.membersOf(group)));
  return [...people].filter((person) => !excluded.has(person)).sort();
}

/** Whether an action waits for this person now: they could fill a place that is open, and have not decided. */
export function waitsFor(view: ActionView, person: string, directory: Directory): boolean {
  if (!isDecidable(view)) return false;
  const groups = directory.groupsOf(person);
  const open = (view.quorum?.open ?? []).map(({ group }) => group);
  const asked = [...open, ...view.escalated.map(({ group }) => group)];
  return (
    asked.some((group) => groups.includes(group)) &&
    !view.barred.some((entry) => entry.person === person) &&
    !view.decisions.some((decision) => decision.current && decision.person === person)
  );
}
