import { findBlockFault, findViewFault, type Fields } from './block-kit.js';
import type { Answer, Conversation, FakeMessage, World } from './slack-state.js';

type Form = Record<string, string>;
type Methods = Record<string, (form: Form) => Answer>;

/** One post per second and channel (https://docs.slack.dev/apis/web-api/rate-limits). */
const POST_EVERY_MS = 1_000;

/** Our app's own user. */
const BOT_USER = 'U0BOT';

/** The Web API methods that the fake has. */
export function slackMethods(world: World): Methods {
  return { ...chatMethods(world), ...otherMethods(world) };
}

function chatMethods(world: World): Methods {
  /** A write to a channel: it must be there, and its blocks valid. */
  const writing = (
    form: Record<string, string>,
    write: (conversation: Conversation, content: Partial<FakeMessage>) => Answer,
  ): Answer => {
    const conversation = world.conversations.get(form['channel'] ?? '');
    if (conversation === undefined) return refuse('channel_not_found');
    if (conversation.archived) return refuse('is_archived');
    const blocks = json(form['blocks']) as Fields[];
    const fault = findBlockFault(blocks, 'message');
    if (fault !== null) return { ...refuse(fault.code), response_metadata: { messages: [`[ERROR] ${fault.why}`] } };
    if ((form['text'] ?? '') === '') return refuse('no_text');
    return write(conversation, {
      text: form['text'] ?? '',
      blocks,
      ...(form['metadata'] !== undefined && { metadata: json(form['metadata']) }),
    });
  };

  return {
    'chat.postMessage': (form) =>
      writing(form, (conversation, content) => {
        const waitMs = conversation.lastPostMs + POST_EVERY_MS - world.options.clock();
        if (world.options.limitsPosts === true && waitMs > 0)
          return { ok: false, retryAfterSeconds: Math.ceil(waitMs / 1000) };
        if (form['thread_ts'] !== undefined && world.find(form['channel'] ?? '', form['thread_ts']) === undefined)
          return refuse('thread_not_found');
        conversation.lastPostMs = world.options.clock();
        const { ts } = world.put(conversation, {
          ...content,
          ...(form['thread_ts'] !== undefined && { thread_ts: form['thread_ts'] }),
        });
        return { ok: true, channel: form['channel'], ts };
      }),
    'chat.update': (form) =>
      writing(form, (_conversation, content) => {
        const message = world.find(form['channel'] ?? '', form['ts'] ?? '');
        if (message === undefined) return refuse('message_not_found');
        if (message.app_id !== world.options.appId) return refuse('cant_update_message');
        Object.assign(message, content, { updates: message.updates + 1 });
        return { ok: true, channel: form['channel'], ts: message.ts };
      }),
    'chat.postEphemeral': (form) =>
      writing(form, (_conversation, content) => {
        world.ephemerals.push({
          conversation: form['channel'] ?? '',
          userId: form['user'] ?? '',
          text: content.text ?? '',
        });
        return { ok: true, message_ts: world.newTs() };
      }),
  };
}

function otherMethods(world: World): Methods {
  return {
    'conversations.history': (form) =>
      page(
        world.options.appId,
        world.conversations.get(form['channel'] ?? ''),
        form,
        (message) => message.thread_ts === undefined,
      ),
    'conversations.replies': (form) =>
      page(
        world.options.appId,
        world.conversations.get(form['channel'] ?? ''),
        form,
        (message) => message.thread_ts === form['ts'] || message.ts === form['ts'],
      ),
    'auth.test': () => ({ ok: true, user_id: BOT_USER, bot_id: 'B0BOT', team_id: world.options.teamId }),
    'users.info': (form) => {
      const user = world.users.get(form['user'] ?? '');
      return user === undefined ? refuse('user_not_found') : { ok: true, user };
    },
    'views.open': (form) => {
      const expiresAtMs = world.triggers.get(form['trigger_id'] ?? '');
      if (expiresAtMs === undefined) return refuse('invalid_trigger_id');
      world.triggers.delete(form['trigger_id'] ?? '');
      if (world.options.clock() > expiresAtMs) return refuse('expired_trigger_id');
      const view = json(form['view']) as Fields;
      const fault = findViewFault(view);
      if (fault !== null)
        return { ...refuse('invalid_arguments'), response_metadata: { messages: [`[ERROR] ${fault.why}`] } };
      const id = `V${String(world.next()).padStart(8, '0')}`;
      return { ok: true, view: putView(world, id, view) };
    },
    'views.update': (form) => {
      const before = world.views.get(form['view_id'] ?? '');
      if (before === undefined) return refuse('not_found');
      if (form['hash'] !== undefined && form['hash'] !== before['hash']) return refuse('hash_conflict');
      const view = json(form['view']) as Fields;
      const fault = findViewFault(view);
      if (fault !== null)
        return { ...refuse('invalid_arguments'), response_metadata: { messages: [`[ERROR] ${fault.why}`] } };
      return { ok: true, view: putView(world, form['view_id'] ?? '', view) };
    },
    'conversations.open': (form) => {
      const userId = form['users'] ?? '';
      const user = world.users.get(userId);
      if (user === undefined) return refuse('users_not_found');
      if (user['deleted'] === true) return refuse('user_disabled');
      const id = `D${userId.slice(1)}`;
      if (!world.conversations.has(id))
        world.conversations.set(id, { archived: false, messages: [], lastPostMs: Number.NEGATIVE_INFINITY });
      return { ok: true, channel: { id } };
    },
  };
}

/** Each state of a modal has a hash of its own. */
function putView(world: World, id: string, view: Fields): Fields {
  const stored = { ...view, id, hash: `${String(world.next())}.hash` };
  world.views.set(id, stored);
  return stored;
}

/** Newest first, two to a page so that paging is exercised; metadata only when it is asked for. */
function page(
  appId: string,
  conversation: Conversation | undefined,
  form: Record<string, string>,
  shown: (message: FakeMessage) => boolean,
): Answer {
  if (conversation === undefined) return refuse('channel_not_found');
  const matching = conversation.messages
    .filter((message) => shown(message) && Number(message.ts) >= Number(form['oldest'] ?? 0))
    .reverse();
  const start = Number(form['cursor'] ?? 0);
  const end = start + Math.min(2, Number(form['limit'] ?? 100));
  const messages = matching.slice(start, end).map(({ metadata, ...message }) => ({
    ...message,
    user: message.app_id === appId ? BOT_USER : 'U0OTHER',
    ...(form['include_all_metadata'] === 'true' && { metadata }),
  }));
  return { ok: true, messages, response_metadata: { next_cursor: end < matching.length ? String(end) : '' } };
}

function refuse(error: string): { ok: false; error: string } {
  return { ok: false, error };
}

function json(text: string | undefined): unknown {
  return JSON.parse(text ?? 'null');
}
