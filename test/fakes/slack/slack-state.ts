import type { Fields } from './block-kit.js';
import { slackMethods } from './slack-methods.js';

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
  button(message: Pick<FakeMessage, 'blocks'>, actionId: string): Fields;
  remove(conversation: string, ts: string): void;
  archive(conversation: string): void;
  /** The app is thrown out, or the channel deleted. */
  close(conversation: string): void;
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

export interface Conversation {
  archived: boolean;
  messages: FakeMessage[];
  lastPostMs: number;
}

/** What the methods work on. */
export interface World {
  options: StateOptions;
  conversations: Map<string, Conversation>;
  users: Map<string, Fields>;
  views: Map<string, Fields>;
  /** Trigger to the time until which it lives. */
  triggers: Map<string, number>;
  ephemerals: SlackState['ephemerals'];
  next: () => number;
  newTs: () => string;
  find: (conversation: string, ts: string) => FakeMessage | undefined;
  put: (conversation: Conversation, message: Partial<FakeMessage>) => FakeMessage;
}

function createWorld(options: StateOptions): World {
  const conversations = new Map<string, Conversation>(
    options.conversations.map((id) => [id, { archived: false, messages: [], lastPostMs: Number.NEGATIVE_INFINITY }]),
  );
  const users = new Map<string, Fields>();
  const views = new Map<string, Fields>();
  const triggers = new Map<string, number>();
  const ephemerals: World['ephemerals'] = [];
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

  return { options, conversations, users, views, triggers, ephemerals, next, newTs, find, put };
}

export function createSlackState(options: StateOptions): SlackState {
  const world = createWorld(options);
  const { conversations, users, views, triggers, ephemerals, next, find, put } = world;
  const methods = slackMethods(world);

  return {
    ephemerals,
    call: (method, form) => methods[method]?.(form) ?? { ok: false, error: 'unknown_method' },
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
    close: (id) => void conversations.delete(id),
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

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the fake Slack has no ${what}`);
  return value;
}
