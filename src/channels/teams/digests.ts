import type { Directory } from '../../directory/directory.js';
import type { DigestMail } from '../message/digests.js';
import type { Waiting } from '../waiting.js';
import { waitingList } from '../message/waiting-list.js';
import { elementsOf, makeCard } from './card.js';
import { postOnce, type PostOptions } from './post-once.js';
import { teamsAccountOf } from './replies.js';
import { TEAMS_CHANNEL_NAME } from './show-card.js';
import { TeamsFault, type OutgoingMessage, type Place } from './teams-api.js';

export interface TeamsMailOptions extends PostOptions {
  config: { tenantIds: readonly string[]; serviceUrl: string; publicUrl: string };
  placeOf: (conversation: string) => Promise<Place>;
}

/** Digests as cards in the chat with each person. */
export function createTeamsMail(options: TeamsMailOptions): DigestMail {
  const { api, config, placeOf } = options;
  return {
    channelName: TEAMS_CHANNEL_NAME,
    to(person: string, directory: Directory) {
      const account = teamsAccountOf(person, directory, config.tenantIds);
      return account === undefined ? undefined : () => api.openDirect(config.serviceUrl, account);
    },
    async post({ key, conversation, waiting, onAbsent }) {
      const compose = async (): Promise<OutgoingMessage> => listCard(waiting, config.publicUrl);
      await postOnce({ key, place: await placeOf(conversation), accounts: [], compose, onAbsent }, options);
    },
    // Without the app installed for a person, Teams lets a bot open no chat with them.
    isUnreachable: (error) => error instanceof TeamsFault && !error.temporary,
  };
}

function listCard(waiting: Waiting, publicUrl: string): OutgoingMessage {
  const { head, block } = waitingList(waiting, publicUrl);
  return { summary: head, card: makeCard(elementsOf(block), [], head) };
}
