import { ServiceFault } from '../../core/errors.js';
import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import { Overtaken, type Channel } from '../channel.js';
import type { MessageKey, MessageStore } from './message-store.js';
import { isDecidable, renderAction, renderNotice, revisionOf, type RenderedMessage } from './render.js';
import { dueReplies, type Reply } from './replies.js';
import { SlackFault, type MessageAddress, type MessageMetadata, type SlackApi } from './slack-api.js';

/** The channel's name in decisions, configuration and the message store. */
export const SLACK_CHANNEL_NAME = 'slack';

/** The slot of the one message that shows an action. */
export const MESSAGE_SLOT = 'message';

export interface SlackChannelOptions {
  api: SlackApi;
  store: MessageStore;
  directory: () => Directory;
  config: {
    teamId: string;
    /** Id of the channel that is posted to. */
    channel: string;
    /** Used when the first one is archived or gone. */
    fallbackChannel: string | null;
    /** Without a trailing slash. */
    publicUrl: string;
  };
  /** The agent's log, as far as it can be shown. */
  readLog: (view: ActionView) => Promise<LogText | null>;
  clock: () => number;
}

/** Refusals after which another channel is the only way. */
const CHANNEL_GONE: ReadonlySet<string> = new Set([
  'channel_not_found',
  'is_archived',
  'not_in_channel',
  'is_inactive',
  'restricted_action',
]);
/** Refusals after which the message must be posted anew. */
const MESSAGE_GONE: ReadonlySet<string> = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);
const BLOCKS_REFUSED: ReadonlySet<string> = new Set([
  'msg_blocks_too_long',
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_too_long',
]);

/** How far Slack's clock may be behind ours when an unclear post is looked for. */
const SEARCH_MARGIN_MS = 60_000;
/** A message that vanishes again and again while we post it is an operator's matter. */
const ATTEMPTS = 5;

/** Slack as a channel: one message per action, updated at every change; reminders and escalations in its thread. */
export function createSlackChannel(options: SlackChannelOptions): Channel {
  return {
    name: SLACK_CHANNEL_NAME,
    async announce(event, view, number) {
      const address = await show(view, options);
      if (address === undefined || !isDecidable(view)) return;
      const { directory, config } = options;
      for (const reply of dueReplies(event, view, { directory: directory(), teamId: config.teamId, number })) {
        await showReply(reply, view, address, options);
      }
    },
  };
}

async function show(view: ActionView, options: SlackChannelOptions): Promise<MessageAddress | undefined> {
  const { store, config, clock } = options;
  const key = { channelName: SLACK_CHANNEL_NAME, actionId: view.actionId, slot: MESSAGE_SLOT };
  // What was refused before anyone was asked is on record, and no matter for a chat.
  if (view.plan === null && (await store.posted(key)) === undefined) return undefined;
  const gone = new Set<string>();
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const conversation = [config.channel, config.fallbackChannel].find(
      (candidate) => candidate !== null && !gone.has(candidate),
    );
    if (conversation === undefined || conversation === null) {
      throw new SlackFault(
        'refused',
        'The Slack channel is archived, gone or closed to the app, and there is no usable fallback: set COUNTERSIGN_SLACK_CHANNEL.',
        'channel_not_found',
      );
    }
    const reservation = await store.reserve(key, conversation, clock());
    const address = await onReservation(reservation, { key, conversation, view, gone, options });
    if (address !== undefined) return address;
  }
  throw new SlackFault(
    'refused',
    `The Slack message about ${view.actionId} vanished ${String(ATTEMPTS)} times.`,
    'message_not_found',
  );
}

interface Attempt {
  key: MessageKey;
  conversation: string;
  view: ActionView;
  /** Conversations found unusable; grows. */
  gone: Set<string>;
  options: SlackChannelOptions;
}

/** Undefined: try again, elsewhere or anew. */
async function onReservation(
  reservation: Awaited<ReturnType<MessageStore['reserve']>>,
  attempt: Attempt,
): Promise<MessageAddress | undefined> {
  switch (reservation.kind) {
    case 'held':
      throw beingPosted(attempt.view.actionId);
    case 'posted':
      return update(reservation.address, attempt);
    case 'post':
      return post(attempt);
    case 'search': {
      const { conversation, sinceMs } = reservation;
      const search = (): Promise<MessageAddress | undefined> =>
        attempt.options.api.find(conversation, sinceMs - SEARCH_MARGIN_MS, isMessageOf(attempt.view.actionId));
      // A search that fails leaves it as unclear as it was.
      const found = await guarded({ ...attempt, conversation }, search, 'unclear');
      if (found === undefined) return undefined;
      if (found.value === undefined) return post({ ...attempt, conversation });
      await attempt.options.store.settle(attempt.key, found.value);
      return update(found.value, attempt);
    }
  }
}

async function post(attempt: Attempt): Promise<MessageAddress | undefined> {
  const { key, conversation, view, options } = attempt;
  const posted = await guarded(attempt, () =>
    withNotice(view, options, (message) => options.api.post(conversation, message)),
  );
  if (posted?.value === undefined) return undefined;
  await options.store.settle(key, posted.value);
  await options.store.advance(key, revisionOf(view));
  return posted.value;
}

/** Calls Slack under a reservation, and gives the reservation back when it fails. Undefined: the channel is unusable. */
async function guarded<T>(
  { key, conversation, gone, options }: Attempt,
  ask: () => Promise<T>,
  whenRefused: 'absent' | 'unclear' = 'absent',
): Promise<{ value: T } | undefined> {
  try {
    return { value: await ask() };
  } catch (error) {
    if (error instanceof SlackFault && CHANNEL_GONE.has(error.slackCode)) {
      await options.store.release(key, 'absent');
      gone.add(conversation);
      return undefined;
    }
    await options.store.release(key, error instanceof SlackFault && error.kind !== 'unclear' ? whenRefused : 'unclear');
    throw error;
  }
}

async function update(address: MessageAddress, attempt: Attempt): Promise<MessageAddress | undefined> {
  const { key, view, gone, options } = attempt;
  const { api, store } = options;
  if (!(await store.advance(key, revisionOf(view)))) return address;
  try {
    await withNotice(view, options, (message) => api.update(address, message));
  } catch (error) {
    if (!(error instanceof SlackFault)) throw error;
    if (error.kind === 'unclear') await checkLatest(attempt);
    if (CHANNEL_GONE.has(error.slackCode)) gone.add(address.conversation);
    else if (!MESSAGE_GONE.has(error.slackCode)) throw error;
    await store.forget(key, address);
    return undefined;
  }
  await checkLatest(attempt);
  return address;
}

/** Two updates may have crossed on their way: only a fresh view may then be the last one. */
async function checkLatest({ key, view, options }: Attempt): Promise<void> {
  if (await options.store.advance(key, revisionOf(view))) return;
  throw new Overtaken('slack', `A later view of ${view.actionId} was shown in Slack meanwhile.`, true);
}

async function withNotice<T>(
  view: ActionView,
  { directory, config, readLog }: SlackChannelOptions,
  send: (message: RenderedMessage) => Promise<T>,
): Promise<T> {
  const context = { directory: directory(), publicUrl: config.publicUrl };
  try {
    return await send(renderAction(view, { ...context, log: await readLog(view) }));
  } catch (error) {
    if (!(error instanceof SlackFault) || !BLOCKS_REFUSED.has(error.slackCode)) throw error;
    return send(renderNotice(view, context));
  }
}

async function showReply(
  reply: Reply,
  view: ActionView,
  thread: MessageAddress,
  options: SlackChannelOptions,
): Promise<void> {
  const { api, store, clock } = options;
  const { conversation } = thread;
  const key = { channelName: SLACK_CHANNEL_NAME, actionId: view.actionId, slot: reply.slot };
  const reservation = await store.reserve(key, conversation, clock());
  if (reservation.kind === 'posted') return;
  if (reservation.kind === 'held') throw beingPosted(view.actionId);
  try {
    const matches = (metadata: MessageMetadata): boolean =>
      metadata.event_type === reply.message.metadata.event_type &&
      metadata.event_payload['action_id'] === view.actionId &&
      metadata.event_payload['slot'] === reply.slot;
    const earlier =
      reservation.kind === 'search'
        ? await api.find(conversation, reservation.sinceMs - SEARCH_MARGIN_MS, matches, thread.ts)
        : undefined;
    await store.settle(key, earlier ?? (await api.post(conversation, reply.message, thread.ts)));
  } catch (error) {
    // A failed search leaves it as unclear as it was.
    const absent = reservation.kind === 'post' && error instanceof SlackFault && error.kind !== 'unclear';
    await store.release(key, absent ? 'absent' : 'unclear');
    throw error;
  }
}

function isMessageOf(actionId: string): (metadata: MessageMetadata) => boolean {
  return (metadata) => metadata.event_type === 'countersign_action' && metadata.event_payload['action_id'] === actionId;
}

function beingPosted(actionId: string): ServiceFault {
  return new ServiceFault('slack', `Another process is showing ${actionId} in Slack right now.`, true, {
    retryAfterMs: 1_000,
  });
}
