import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebClient } from '@slack/web-api';
import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { MessageAddress } from '../message/message-store.js';
import type { Block } from './blocks.js';
import type { SlackUser } from './interaction.js';
import { silentLogger } from './silent-logger.js';

/** What Slack or the way to it did: the request was not taken, or nobody knows. */
export class SlackFault extends ServiceFault {
  /** `refused`, `rate_limited`: certainly not done. `unclear`: no answer came; it may have been done. */
  readonly kind: 'refused' | 'rate_limited' | 'unclear';
  /** Slack's own error code, e.g. `is_archived`; empty without one. */
  readonly slackCode: string;

  constructor(kind: SlackFault['kind'], message: string, slackCode = '', retryAfterMs?: number) {
    const temporary = kind !== 'refused' || TEMPORARY_CODES.has(slackCode);
    super('slack', message, temporary, retryAfterMs === undefined ? {} : { retryAfterMs });
    this.kind = kind;
    this.slackCode = slackCode;
  }
}

/** Refusals that the same request may survive later. */
const TEMPORARY_CODES: ReadonlySet<string> = new Set([
  'ratelimited',
  'rate_limited',
  'message_limit_exceeded',
  'accesslimited',
  'team_added_to_org',
]);

/** Answers after which Slack may still have done it. */
const UNCLEAR_CODES: ReadonlySet<string> = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);

/** A message as it is sent. */
export interface OutgoingMessage {
  text: string;
  blocks: readonly Block[];
  metadata: { event_type: string; event_payload: Record<string, string | number> };
}

/** The few calls we make; each rejects with SlackFault only. */
export interface SlackApi {
  post(conversation: string, message: OutgoingMessage, threadTs?: string): Promise<MessageAddress>;
  update(address: MessageAddress, message: OutgoingMessage): Promise<void>;
  /** A line that only one person sees. */
  tell(conversation: string, userId: string, text: string, blocks: readonly Block[]): Promise<void>;
  /** Id of the conversation with one person. */
  openDirect(userId: string): Promise<string>;
  openView(triggerId: string, view: Record<string, unknown>): Promise<void>;
  /** Replaces an open modal; with its hash only if nobody has replaced it since. */
  updateView(viewId: string, hash: string | null, view: Record<string, unknown>): Promise<void>;
  /** A message that we posted, with this metadata, among the newest 1,000 since `sinceMs`; in the thread if one is given. */
  find(
    conversation: string,
    sinceMs: number,
    matches: (metadata: MessageMetadata) => boolean,
    threadTs?: string,
  ): Promise<MessageAddress | undefined>;
  /** Slack's answer to `users.info`, unparsed: whoever asks judges it. */
  userInfo(user: SlackUser): Promise<unknown>;
}

export interface SlackApiOptions {
  botToken: Secret;
  /** With a trailing slash. */
  apiUrl: string;
  /** How long one call may take. Default 10,000. */
  timeoutMs?: number;
}

/** Slack's Web API, without retries of its own: Temporal retries, and a post is not idempotent. */
export function createSlackApi({ botToken, apiUrl, timeoutMs = 10_000 }: SlackApiOptions): SlackApi {
  const client = new WebClient(botToken.reveal(), {
    slackApiUrl: apiUrl,
    allowAbsoluteUrls: false,
    timeout: timeoutMs,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logger: silentLogger,
  });
  const directs = new Map<string, string>();
  let self: Promise<Self> | undefined;
  const whoAmI = (): Promise<Self> => {
    self ??= call('auth.test', () => client.auth.test()).then((answer) => selfSchema.parse(answer));
    // A failed look-up is asked again the next time.
    self.catch(() => (self = undefined));
    return self;
  };
  return {
    async post(conversation, message, threadTs) {
      const answer = await call('chat.postMessage', () =>
        client.chat.postMessage({
          channel: conversation,
          ...contents(message),
          unfurl_links: false,
          unfurl_media: false,
          ...(threadTs !== undefined && { thread_ts: threadTs }),
        }),
      );
      return addressSchema.parse(answer);
    },
    async update({ conversation, ts }, message) {
      await call('chat.update', () => client.chat.update({ channel: conversation, ts, ...contents(message) }));
    },
    async tell(conversation, userId, text, blocks) {
      await call('chat.postEphemeral', () =>
        client.chat.postEphemeral({ channel: conversation, user: userId, text, blocks: [...blocks] }),
      );
    },
    async openDirect(userId) {
      const known = directs.get(userId);
      if (known !== undefined) return known;
      const answer = await call('conversations.open', () => client.conversations.open({ users: userId }));
      const { channel } = directSchema.parse(answer);
      directs.set(userId, channel.id);
      return channel.id;
    },
    async openView(triggerId, view) {
      await call('views.open', () => client.apiCall('views.open', { trigger_id: triggerId, view }));
    },
    async updateView(viewId, hash, view) {
      const which = { view_id: viewId, ...(hash !== null && { hash }) };
      await call('views.update', () => client.apiCall('views.update', { ...which, view }));
    },
    find: async (conversation, sinceMs, matches, threadTs) =>
      findMessage(client, (await whoAmI()).user_id, { conversation, sinceMs, matches, threadTs }),
    userInfo: ({ userId }) => call('users.info', () => client.users.info({ user: userId })),
  };
}

interface Sought {
  conversation: string;
  sinceMs: number;
  matches: (metadata: MessageMetadata) => boolean;
  threadTs: string | undefined;
}

async function findMessage(
  client: WebClient,
  ownUser: string,
  { conversation, sinceMs, matches, threadTs }: Sought,
): Promise<MessageAddress | undefined> {
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const query = {
      channel: conversation,
      oldest: (sinceMs / 1000).toFixed(6),
      include_all_metadata: true,
      limit: 200,
      cursor,
    };
    const method = threadTs === undefined ? 'conversations.history' : 'conversations.replies';
    const answer = historySchema.parse(await call(method, () => client.apiCall(method, { ...query, ts: threadTs })));
    const found = answer.messages.find(
      (message) => message.user === ownUser && message.metadata !== undefined && matches(message.metadata),
    );
    if (found !== undefined) return { conversation, ts: found.ts };
    cursor = answer.response_metadata?.next_cursor;
    if (cursor === undefined || cursor === '') return undefined;
  }
  return undefined;
}

const PAGES = 5;

const directSchema = z.looseObject({ channel: z.looseObject({ id: z.string() }) });

const selfSchema = z.looseObject({ user_id: z.string() });
type Self = z.infer<typeof selfSchema>;

const addressSchema = z
  .looseObject({ channel: z.string(), ts: z.string() })
  .transform(({ channel, ts }): MessageAddress => ({ conversation: channel, ts }));

const metadataSchema = z.looseObject({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) });
export type MessageMetadata = z.infer<typeof metadataSchema>;

const historySchema = z.looseObject({
  // Other people's messages may have any shape.
  messages: z.array(
    z.looseObject({
      ts: z.string(),
      user: z.string().optional(),
      metadata: metadataSchema.optional().catch(undefined),
    }),
  ),
  response_metadata: z.looseObject({ next_cursor: z.string().optional() }).optional(),
});

function contents(message: OutgoingMessage) {
  return {
    text: message.text,
    blocks: [...message.blocks],
    metadata: message.metadata,
    parse: 'none',
    link_names: false,
  } as const;
}

async function call<T>(method: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw toSlackFault(method, error);
  }
}

// The client's errors hold requests and headers: only codes and numbers are taken over.
function toSlackFault(method: string, error: unknown): SlackFault {
  if (error instanceof WebAPIRateLimitedError) {
    return new SlackFault(
      'rate_limited',
      `Slack limits ${method}: wait ${String(error.retryAfter)} s.`,
      'ratelimited',
      error.retryAfter * 1000,
    );
  }
  if (error instanceof WebAPIPlatformError) {
    const code = error.data.error;
    const kind = UNCLEAR_CODES.has(code) ? 'unclear' : 'refused';
    return new SlackFault(kind, `Slack answered ${method} with "${code}".`, code);
  }
  if (error instanceof WebAPIHTTPError) {
    // 4xx was turned away at the door; 5xx may have come after the work was done.
    const kind = error.statusCode < 500 ? 'refused' : 'unclear';
    return new SlackFault(kind, `Slack answered ${method} with HTTP status ${String(error.statusCode)}.`);
  }
  return new SlackFault('unclear', `Slack gave no answer to ${method}.`);
}
