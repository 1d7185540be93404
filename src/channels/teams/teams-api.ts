import { ServiceFault } from '../../core/errors.js';
import type { MessageAddress } from '../message/message-store.js';
import type { Card } from './card.js';

/** What Teams or the way to it did: the request was not taken, or nobody knows. */
export class TeamsFault extends ServiceFault {
  /** `refused`, `rate_limited`: certainly not done. `unclear`: no answer came; it may have been done. */
  readonly kind: 'refused' | 'rate_limited' | 'unclear';
  /** Teams' own error code, e.g. `BotNotInConversationRoster`; empty without one. */
  readonly teamsCode: string;
  /** HTTP status; 0 without an answer. */
  readonly status: number;

  constructor(
    kind: TeamsFault['kind'],
    message: string,
    { status = 0, code = '', retryAfterMs }: { status?: number; code?: string; retryAfterMs?: number | undefined } = {},
  ) {
    // 412 asks for a retry (https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit); 401 ends with a new token.
    const temporary = kind !== 'refused' || status === 0 || status === 401 || status === 412;
    super('teams', message, temporary, retryAfterMs === undefined ? {} : { retryAfterMs });
    this.kind = kind;
    this.teamsCode = code;
    this.status = status;
  }
}

/** Where to speak. */
export interface Place {
  /** A channel or chat; with `;messageid=…` a thread of a channel. */
  conversation: string;
  /** Address of the Bot Connector for it. */
  serviceUrl: string;
}

/** A message as it is sent. */
export interface OutgoingMessage {
  summary: string;
  card: Card;
}

export interface Member {
  /** Teams' own id of the account. */
  id: string;
  /** Lower case; undefined for bots. */
  aadObjectId: string | undefined;
}

/** The few calls we make; each rejects with TeamsFault or, for the bot's own token, with ServiceFault. */
export interface TeamsApi {
  post(place: Place, message: OutgoingMessage): Promise<MessageAddress>;
  update(place: Place, messageId: string, message: OutgoingMessage): Promise<void>;
  /** Takes a message of ours away. */
  remove(place: Place, messageId: string): Promise<void>;
  /** Id of the chat with one person, which is made if there is none. */
  openDirect(serviceUrl: string, account: { tenantId: string; aadObjectId: string }): Promise<string>;
  /** Resolves once Teams answers at all, whatever it says: while answers are lost, a post must not be repeated. */
  requireAnswer(place: Place): Promise<void>;
  /** Members of a conversation, in pages of up to 500; what is behind the last page that was asked for is left out. */
  members(place: Place, pages: number): Promise<{ members: Member[]; isAll: boolean }>;
  /** What Teams says of a member of a conversation, unparsed: whoever asks judges it. */
  member(place: Place, userId: string): Promise<unknown>;
}

/** How an admitted click is answered: a card that replaces the one that was clicked, for whoever clicked; or a line. */
export type ClickAnswer = Card | string;

/** What is answered to an admitted request. */
export interface ReceivedAnswer {
  status: number;
  body: unknown;
}

/** The way in, behind the gate. */
export interface TeamsReceiver {
  /**
   * Hands an admitted activity through the SDK to `onClick`.
   * @param activity as JSON; changed by the SDK, so give it a copy.
   */
  receive(activity: unknown, authorization: string, onClick: () => Promise<ClickAnswer>): Promise<ReceivedAnswer>;
}
