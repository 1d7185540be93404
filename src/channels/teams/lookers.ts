import type { Log } from '../log.js';
import { baseOf } from './activity.js';
import { REFRESHED_PEOPLE } from './refresh.js';
import { TeamsFault, type Member, type Place, type TeamsApi } from './teams-api.js';

/** Tells for whom Teams is to refresh a card. */
export interface Lookers {
  /**
   * @param accounts Entra object ids of the people whom a message is for, best first
   * @returns Teams' ids of those who are members; undefined where Teams refreshes cards for everybody
   */
  of(place: Place, accounts: readonly string[]): Promise<readonly string[] | undefined>;
}

export interface LookersOptions {
  api: Pick<TeamsApi, 'members'>;
  log: Log;
  clock: () => number;
}

/** Who joins is known an hour later. */
const KNOWN_FOR_MS = 3_600_000;
/** Of 500 members each. */
const PAGES = 4;

interface Roster {
  isSmall: boolean;
  idOf: ReadonlyMap<string, string>;
  readAtMs: number;
}

/** Reads the members of channels and group chats, and remembers them for an hour. What cannot be read holds up no message. */
export function createLookers({ api, log, clock }: LookersOptions): Lookers {
  const known = new Map<string, Roster>();
  return {
    async of(place, accounts) {
      const conversation = baseOf(place.conversation);
      // A chat with one person has two members.
      if (!/@thread\./.test(conversation)) return undefined;
      let roster = known.get(conversation);
      if (roster === undefined || clock() - roster.readAtMs > KNOWN_FOR_MS) {
        try {
          roster = { ...rosterOf(await api.members({ ...place, conversation }, PAGES)), readAtMs: clock() };
          known.set(conversation, roster);
        } catch (error) {
          if (!(error instanceof TeamsFault)) throw error;
          log.warn(
            { teamsCode: error.teamsCode, status: error.status },
            'the members of a conversation in Teams are not known',
          );
          return undefined;
        }
      }
      const { isSmall, idOf } = roster;
      return isSmall ? undefined : accounts.flatMap((account) => idOf.get(account.toLowerCase()) ?? []);
    },
  };
}

function rosterOf({ members, isAll }: { members: readonly Member[]; isAll: boolean }): Omit<Roster, 'readAtMs'> {
  const entries = members.flatMap(({ id, aadObjectId }): [string, string][] =>
    aadObjectId === undefined ? [] : [[aadObjectId, id]],
  );
  return { isSmall: isAll && members.length <= REFRESHED_PEOPLE, idOf: new Map(entries) };
}
