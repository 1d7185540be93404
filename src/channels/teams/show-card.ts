import { ServiceFault } from '../../core/errors.js';
import type { Json } from '../../core/json.js';
import { Overtaken } from '../channel.js';
import type { MessageAddress, MessageKey, MessageStore } from '../message/message-store.js';
import type { Lookers } from './lookers.js';
import { refreshing } from './refresh.js';
import { TeamsFault, type OutgoingMessage, type Place, type TeamsApi } from './teams-api.js';

/** The channel's name in decisions, configuration and the message store. */
export const TEAMS_CHANNEL_NAME = 'teams';

export interface ShowOptions {
  api: TeamsApi;
  store: MessageStore;
  lookers: Lookers;
  /** Where a conversation is. */
  placeOf: (conversation: string) => Promise<Place>;
  clock: () => number;
}

/** What a card shows. */
export interface CardContent {
  /** As `MessageKey`. */
  subject: string;
  /** How far it has come; later contents have more. */
  revision: number;
  /** It changes no more. */
  isFinal: boolean;
  /** Whether the gateway draws it by itself; what is not is kept as it was said. */
  isDrawnAnew: boolean;
  render: () => Promise<OutgoingMessage>;
  /** The least that can be posted, for when Teams refuses the whole. */
  renderLeast: () => OutgoingMessage;
}

/** Where one message belongs. */
export interface Target {
  slot: string;
  /** Ids of conversations, best first: the next is used when one is gone. */
  conversations: readonly string[];
  /** Entra object ids of the people whom it is for. */
  accounts: readonly string[];
  /** False: what is there is brought up to date, and nothing is posted anew. */
  mayPost: boolean;
}

/**
 * Answers after which another conversation is the only way
 * (https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/conversation-messages#status-codes-from-bot-conversational-apis).
 */
export const CONVERSATION_GONE: ReadonlySet<string> = new Set([
  'BotNotInConversationRoster',
  'BotDisabledByAdmin',
  'ConversationNotFound',
  'ConversationBlockedByUser',
  'NotEnoughPermissions',
]);
/** Answers after which the message must be posted anew. */
export const MESSAGE_GONE: ReadonlySet<string> = new Set(['ActivityNotFoundInConversation', 'MessageNotFound']);

/** A message that vanishes again and again while we post it is an operator's matter. */
const ATTEMPTS = 5;

/**
 * Makes one message show `content`: posts it once, then updates it. Teams has no way to look for a message, so that after an
 * unclear answer it is posted again, once Teams answers at all; what stands there twice is found, and taken away, as soon as
 * somebody looks at it (`looks.ts`).
 * @returns where it is; undefined when there is none and none may be posted.
 * @throws TeamsFault with a code of `CONVERSATION_GONE` when none of the conversations takes it.
 * @throws Overtaken as `Channel.announce`.
 */
export async function showCard(
  content: CardContent,
  target: Target,
  options: ShowOptions,
): Promise<MessageAddress | undefined> {
  const key = { channelName: TEAMS_CHANNEL_NAME, subject: content.subject, slot: target.slot };
  const gone = new Set<string>();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const conversation = target.conversations.find((candidate) => !gone.has(candidate));
    if (conversation === undefined)
      throw new TeamsFault('refused', 'The Teams conversation is gone or closed to the app.', {
        status: 404,
        code: 'ConversationNotFound',
      });
    const reservation = await options.store.reserve(key, conversation, options.clock());
    if (reservation.kind === 'held') throw beingPosted(content.subject);
    const { attemptedAtMs } = reservation;
    const tried = { key, conversation, content, gone, target, options, attemptedAtMs };
    const isUnsure = reservation.kind === 'search';
    const shown =
      reservation.kind === 'posted' ? await update(reservation.address, tried) : await post(tried, isUnsure);
    if (shown === 'nowhere') return undefined;
    if (shown !== 'again') return shown;
  }
  const message = `The Teams message about ${content.subject} vanished ${String(ATTEMPTS)} times.`;
  throw new TeamsFault('refused', message, { status: 404 });
}

/** `again`: try elsewhere or anew. `nowhere`: it is not there, and none may be posted. */
type Shown = MessageAddress | 'again' | 'nowhere';

interface Attempt {
  key: MessageKey;
  conversation: string;
  content: CardContent;
  /** Conversations found unusable; grows. */
  gone: Set<string>;
  target: Target;
  options: ShowOptions;
  /** By which attempt it is posted, or was. */
  attemptedAtMs: number;
}

/** @param isUnsure an earlier attempt ended unclearly: it is not repeated before Teams answers again. */
async function post(attempt: Attempt, isUnsure: boolean): Promise<Shown> {
  const { key, conversation, content, gone, target, options } = attempt;
  const { api, store } = options;
  if (!target.mayPost) {
    await store.release(key, 'absent');
    return 'nowhere';
  }
  let address: MessageAddress;
  try {
    const place = await options.placeOf(conversation);
    if (isUnsure) await api.requireAnswer(place);
    address = await withNotice(attempt, await userIdsOf(attempt, place), (message) => api.post(place, message));
  } catch (error) {
    const isGone = error instanceof TeamsFault && CONVERSATION_GONE.has(error.teamsCode);
    await store.release(key, isGone || (isClear(error) && !isUnsure) ? 'absent' : 'unclear');
    if (!isGone) throw error;
    gone.add(conversation);
    return 'again';
  }
  const { attemptedAtMs } = attempt;
  const place = await options.placeOf(conversation);
  if (!(await settleOnce({ key, address, attemptedAtMs, place }, options))) return 'again';
  await store.advance(key, content.revision);
  return address;
}

async function update(address: MessageAddress, attempt: Attempt): Promise<Shown> {
  const { key, content, gone, target, options } = attempt;
  const { api, store } = options;
  if (!(await store.advance(key, content.revision))) return address;
  try {
    const place = await options.placeOf(address.conversation);
    // What has ended changes no more, and where this message is, is known.
    const asked = content.isFinal ? 'nobody' : await userIdsOf(attempt, place);
    await withNotice(attempt, asked, (message) => api.update(place, address.ts, message));
  } catch (error) {
    if (!(error instanceof TeamsFault)) throw error;
    if (error.kind === 'unclear') await checkLatest(attempt);
    if (CONVERSATION_GONE.has(error.teamsCode)) gone.add(address.conversation);
    else if (!MESSAGE_GONE.has(error.teamsCode)) throw error;
    await store.forget(key, address);
    return target.mayPost ? 'again' : 'nowhere';
  }
  await checkLatest(attempt);
  return address;
}

/** Two updates may have crossed on their way: only a fresh view may then be the last one. */
async function checkLatest({ key, content, options }: Attempt): Promise<void> {
  if (await options.store.advance(key, content.revision)) return;
  throw new Overtaken('teams', `A later view of ${content.subject} was shown in Teams meanwhile.`, true);
}

function userIdsOf({ target, options }: Attempt, place: Place): Promise<readonly string[] | undefined> {
  return options.lookers.of(place, target.accounts);
}

async function withNotice<T>(
  { content, key, attemptedAtMs, options: { store } }: Attempt,
  userIds: readonly string[] | undefined | 'nobody',
  send: (message: OutgoingMessage) => Promise<T>,
): Promise<T> {
  const refreshed = ({ summary, card }: OutgoingMessage): OutgoingMessage => ({
    summary,
    card: userIds === 'nobody' ? card : refreshing(card, { ...key, attemptedAtMs }, userIds),
  });
  const whole = await content.render();
  if (!content.isDrawnAnew) await store.say(key, whole.card as unknown as Json);
  try {
    return await send(refreshed(whole));
  } catch (error) {
    const isRefused = error instanceof TeamsFault && (error.status === 400 || error.status === 413);
    if (!isRefused) throw error;
    return send(refreshed(content.renderLeast()));
  }
}

/** A message that was just posted. */
export interface Posted {
  key: MessageKey;
  address: MessageAddress;
  attemptedAtMs: number;
  place: Place;
}

/**
 * Notes that a message is posted. When somebody has looked at one of an earlier attempt meanwhile, that one is kept, and this one
 * taken away.
 * @returns whether this one is kept
 */
export async function settleOnce(
  { key, address, attemptedAtMs, place }: Posted,
  { api, store }: { api: Pick<TeamsApi, 'remove'>; store: Pick<MessageStore, 'settle'> },
): Promise<boolean> {
  if (await store.settle(key, address, attemptedAtMs)) return true;
  // What stays there all the same is found as soon as somebody looks at it.
  await api.remove(place, address.ts).catch((error: unknown) => {
    if (!(error instanceof TeamsFault)) throw error;
  });
  return false;
}

/** Whether it is certain that nothing was done. */
export function isClear(error: unknown): boolean {
  return error instanceof TeamsFault && error.kind !== 'unclear';
}

export function beingPosted(subject: string): ServiceFault {
  return new ServiceFault('teams', `Another process is showing ${subject} in Teams right now.`, true, {
    retryAfterMs: 1_000,
  });
}
