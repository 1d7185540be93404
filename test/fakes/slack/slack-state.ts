import { findBlockFault, findViewFault, type Fields } from './block-kit.js';

export interface StateOptions {
  teamId: string;
  appId: string;
  clock: () => number;
  /** One post per second and channel, as Slack allows; off where a test is not about it. */
  limitsPosts?: boolean;
  conversations: readonly string[];
}

export interface FakeMessage {
  ts: string;
  text: string;
  blocks: Fields[];
  metadata?: unknown;
  app_id: string;
  thread_ts?: string;
  /** How often it was updated. */
  updates: number;
}

export type Answer = ({ ok: boolean } & Fields) | { ok: false; retryAfterSeconds: number };

/** What Slack knows: channels, messages, users, modals. */
export interface SlackState {
  call(method: string, form: Record<string, string>): Answer;
  /** Top-level messages of a channel, oldest first. */
  messages(conversation: string): FakeMessage[];
  replies(conversation: string, ts: string): FakeMessage[];
  message(conversation: string, ts: string): FakeMessage;
  button(message: FakeMessage, actionId: string): Fields;
  remove(conversation: string, ts: string): void;
  archive(conversation: string): void;
  /** Puts a message of another app or person into a channel. */
  plant(conversation: string, message: Partial<FakeMessage>): void;
  setUser(id: string, fields: Fields): void;
  user(id: string): Fields;
  /** A trigger that lives for three seconds. */
  trigger(): string;
  /** Ids of the modals opened, oldest first. */
  views(): string[];
  view(id: string): Fields;
  ephemerals: { conversation: string; userId: string; text: string }[];
}

const TRIGGER_MS = 3_000;
const POST_EVERY_MS = 1_000;

interface Conversation {
  archived: boolean;
  messages: FakeMessage[];
  lastPostMs: number;
}

export function createSlackState(options: StateOptions): SlackState {
  const conversations = new Map<string, Conversation>(
    options.conversations.map((id) => [id, { archived: false, messages: [], lastPostMs: -POST_EVERY_MS }]),
  );
  const users = new Map<string, Fields>();
  const views = new Map<string, Fields>();
  const triggers = new Map<string, number>();
  const ephemerals: SlackState['ephemerals'] = [];
  let serial = 0;
  const next = (): number => (serial += 1);
  const newTs = (): string => `${String(Math.floor(options.clock() / 1000))}.${String(next()).padStart(6, '0')}`;
  const find = (conversation: string, ts: string): FakeMessage | undefined =>
    conversations.get(conversation)?.messages.find((message) => message.ts === ts);

  const put = (conversation: Conversation, message: Partial<FakeMessage>): FakeMessage => {
    const stored = { ts: newTs(), text: '', blocks: [], app_id: options.appId, updates: 0, ...message };
    conversation.messages.push(stored);
    return stored;
  };

  /** A write to a channel: it must be there, and its blocks valid. */
  const writing = (
    form: Record<string, string>,
    write: (conversation: Conversation, content: Partial<FakeMessage>) => Answer,
  ): Answer => {
    const conversation = conversations.get(form['channel'] ?? '');
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

  const methods: Record<string, (form: Record<string, string>) => Answer> = {
    'chat.postMessage': (form) =>
      writing(form, (conversation, content) => {
        const waitMs = conversation.lastPostMs + POST_EVERY_MS - options.clock();
        if (options.limitsPosts === true && waitMs > 0)
          return { ok: false, retryAfterSeconds: Math.ceil(waitMs / 1000) };
        if (form['thread_ts'] !== undefined && find(form['channel'] ?? '', form['thread_ts']) === undefined)
          return refuse('thread_not_found');
        conversation.lastPostMs = options.clock();
        const { ts } = put(conversation, {
          ...content,
          ...(form['thread_ts'] !== undefined && { thread_ts: form['thread_ts'] }),
        });
        return { ok: true, channel: form['channel'], ts };
      }),
    'chat.update': (form) =>
      writing(form, (_conversation, content) => {
        const message = find(form['channel'] ?? '', form['ts'] ?? '');
        if (message === undefined) return refuse('message_not_found');
        if (message.app_id !== options.appId) return refuse('cant_update_message');
        Object.assign(message, content, { updates: message.updates + 1 });
        return { ok: true, channel: form['channel'], ts: message.ts };
      }),
    'chat.postEphemeral': (form) =>
      writing(form, (_conversation, content) => {
        ephemerals.push({ conversation: form['channel'] ?? '', userId: form['user'] ?? '', text: content.text ?? '' });
        return { ok: true, message_ts: newTs() };
      }),
    'conversations.history': (form) =>
      page(conversations.get(form['channel'] ?? ''), form, (message) => message.thread_ts === undefined),
    'conversations.replies': (form) =>
      page(
        conversations.get(form['channel'] ?? ''),
        form,
        (message) => message.thread_ts === form['ts'] || message.ts === form['ts'],
      ),
    'users.info': (form) => {
      const user = users.get(form['user'] ?? '');
      return user === undefined ? refuse('user_not_found') : { ok: true, user };
    },
    'views.open': (form) => {
      const expiresAtMs = triggers.get(form['trigger_id'] ?? '');
      if (expiresAtMs === undefined) return refuse('invalid_trigger_id');
      triggers.delete(form['trigger_id'] ?? '');
      if (options.clock() > expiresAtMs) return refuse('expired_trigger_id');
      const view = json(form['view']) as Fields;
      const fault = findViewFault(view);
      if (fault !== null)
        return { ...refuse('invalid_arguments'), response_metadata: { messages: [`[ERROR] ${fault.why}`] } };
      const id = `V${String(next()).padStart(8, '0')}`;
      views.set(id, view);
      return { ok: true, view: { ...view, id } };
    },
  };

  return {
    ephemerals,
    call: (method, form) => methods[method]?.(form) ?? refuse('unknown_method'),
    messages: (id) => (conversations.get(id)?.messages ?? []).filter((message) => message.thread_ts === undefined),
    replies: (id, ts) => (conversations.get(id)?.messages ?? []).filter((message) => message.thread_ts === ts),
    message: (id, ts) => must(find(id, ts), `message ${ts}`),
    button(message, actionId) {
      const buttons = message.blocks
        .filter((block) => block['type'] === 'actions')
        .flatMap((block) => block['elements'] as Fields[]);
      return must(
        buttons.find((button) => button['action_id'] === actionId),
        `button ${actionId}`,
      );
    },
    remove(id, ts) {
      const conversation = must(conversations.get(id), id);
      conversation.messages = conversation.messages.filter((message) => message.ts !== ts);
    },
    archive: (id) => void (must(conversations.get(id), id).archived = true),
    plant: (id, message) => void put(must(conversations.get(id), id), message),
    setUser: (id, fields) =>
      void users.set(id, {
        id,
        team_id: options.teamId,
        deleted: false,
        is_bot: false,
        is_restricted: false,
        is_ultra_restricted: false,
        ...fields,
      }),
    user: (id) => must(users.get(id), `user ${id}`),
    trigger() {
      const id = `${String(next())}.trigger`;
      triggers.set(id, options.clock() + TRIGGER_MS);
      return id;
    },
    views: () => [...views.keys()],
    view: (id) => must(views.get(id), `view ${id}`),
  };
}

/** Newest first, two to a page so that paging is exercised; metadata only when it is asked for. */
function page(
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
  const messages = matching
    .slice(start, end)
    .map(({ metadata, ...message }) => (form['include_all_metadata'] === 'true' ? { ...message, metadata } : message));
  return { ok: true, messages, response_metadata: { next_cursor: end < matching.length ? String(end) : '' } };
}

function refuse(error: string): { ok: false; error: string } {
  return { ok: false, error };
}

function json(text: string | undefined): unknown {
  return JSON.parse(text ?? 'null');
}

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the fake Slack has no ${what}`);
  return value;
}
