import type { RefusalCode } from '../../src/core/errors.js';
import type { ActionView } from '../../src/record/action-view.js';
import type { Office, Who } from './channel-office.js';

/**
 * How a channel enters the contract suite: `test/contracts/channels/<name>.ts` exports `subject: ChannelSubject`. The suite
 * (`channels.test.ts`) finds it by itself.
 */
export interface ChannelSubject {
  /** The folder of `src/channels` that it lives in. */
  folder: string;
  /** Its name in decisions on record. */
  channel: string;
  /** Whether policy may demand it by `@assurance("web")`. */
  isFullView: boolean;
  /** How an action is refused that this channel never showed: chats answer for their own messages only. */
  forged: { unknownAction: RefusalCode; anotherAction: RefusalCode };
  /** Opens it on the stack that all channels share. */
  start(office: Office): Promise<StartedChannel>;
}

/** A channel with people at it. */
export interface StartedChannel {
  /** Waits until the channel shows the open review; people can decide on what they then saw at any later time. */
  shown(actionId: string): Promise<Shown>;
  /** One event: a person decides on what they were shown. */
  decide(attempt: Attempt): Promise<Answer>;
  /** Sends one event twice at once, as a network would; gives what people see of the answers. */
  decideTwice(attempt: Attempt): Promise<Answer[]>;
  /** Waits until the channel has called on people, and tells whom. Left out where nobody is called on. */
  calledOn?(shown: Shown): Promise<Who[]>;
  /** How often it is shown to somebody in the group that is asked. */
  showings(actionId: string): Promise<number>;
  /** Waits until the channel shows the end of an action. */
  ended(actionId: string): Promise<End>;
  /** What messages about an alarm or a freeze say in it now. Left out where it tells nobody by itself. */
  notices?(): string[];
  stop(): Promise<void>;
}

/** What a person has before them. The suite changes id and digest to forge; `where` is the channel's own. */
export interface Shown {
  actionId: string;
  actionDigest: string;
  where: unknown;
}

export interface Attempt {
  shown: Shown;
  who: Who;
  decision: 'approve' | 'deny';
  /** Default: a good one for a denial, none for an approval. */
  reason?: string;
}

/** What whoever decided is told. */
export interface Answer {
  /** Null: it counts. */
  refused: RefusalCode | null;
  words: string;
}

/** What the channel shows of an action that is done. */
export interface End {
  status: NonNullable<ActionView['outcome']>['status'];
  approvedBy: Who[];
  deniedBy: Who[];
  /** All of it. */
  text: string;
}
