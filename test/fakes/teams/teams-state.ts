/** A message as Teams keeps it. */
export interface FakeTeamsMessage {
  id: string;
  conversation: string;
  /** Of the thread it is in; null for one that begins its own. */
  thread: string | null;
  summary: string;
  card: Card;
  mentions: string[];
  updates: number;
}

export type Card = Record<string, unknown>;

export interface FakeMember {
  id: string;
  aadObjectId: string;
  tenantId: string;
  userRole: string;
  name: string;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface TeamsState {
  /** Messages of a conversation that begin a thread, oldest first. */
  messages(conversation: string): FakeTeamsMessage[];
  /** All messages of a conversation, those in threads too, oldest first. */
  allIn(conversation: string): FakeTeamsMessage[];
  /** What was written in a message's thread. */
  replies(conversation: string, thread: string): FakeTeamsMessage[];
  message(conversation: string, id: string): FakeTeamsMessage;
  setMember(aadObjectId: string, over?: Partial<FakeMember> | null): void;
  member(aadObjectId: string): FakeMember;
  /** For whom Teams refreshes a card by itself. */
  isRefreshedFor(message: FakeTeamsMessage, aadObjectId: string): boolean;
  removeMessage(conversation: string, id: string): void;
  /** The team, or the channel, is deleted. */
  removeConversation(conversation: string): void;
  /** The app is taken out of the team. */
  removeBot(conversation: string): void;
  call(method: string, path: string, body: unknown): Answer;
}

export interface StateOptions {
  tenantId: string;
  conversations: readonly string[];
  clock: () => number;
  limitsPosts?: boolean;
}

/** Teams refuses larger messages (https://learn.microsoft.com/microsoftteams/limits-specifications-teams). */
const MESSAGE_BYTES = 28_000;
/** Operations per second and thread (https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit). */
const POSTS_PER_SECOND = 7;

/** What the Bot Connector keeps and answers, with the limits that we rely on. */
export function createTeamsState({ tenantId, conversations, clock, limitsPosts = false }: StateOptions): TeamsState {
  const open = new Map(conversations.map((id) => [id, { hasBot: true }]));
  const messages: FakeTeamsMessage[] = [];
  const members = new Map<string, FakeMember>();
  const posts: { conversation: string; atMs: number }[] = [];
  let last = 1_764_000_000_000;

  const whereIs = (sent: string): Answer | { conversation: string; thread: string | null } => {
    const [conversation = '', thread = null] = sent.split(';messageid=');
    const found = open.get(conversation);
    if (found === undefined) return refuse(404, 'ConversationNotFound');
    return found.hasBot ? { conversation, thread } : refuse(403, 'BotNotInConversationRoster');
  };
  const post = (sent: string, body: unknown): Answer => {
    const where = whereIs(sent);
    if ('status' in where) return where;
    const { conversation, thread } = where;
    const nowMs = clock();
    const recent = posts.filter((one) => one.conversation === sent && nowMs - one.atMs < 1_000);
    if (limitsPosts && recent.length >= POSTS_PER_SECOND)
      return { ...refuse(429, 'TooManyRequests'), headers: { 'retry-after': '1' } };
    const read = readMessage(body);
    if ('status' in read) return read;
    posts.push({ conversation: sent, atMs: nowMs });
    last += 1;
    messages.push({ id: String(last), conversation, thread, updates: 0, ...read });
    return { status: 201, body: { id: String(last) } };
  };
  const update = (sent: string, id: string, body: unknown): Answer => {
    const where = whereIs(sent);
    if ('status' in where) return where;
    const found = messages.find((message) => message.conversation === where.conversation && message.id === id);
    if (found === undefined) return refuse(404, 'ActivityNotFoundInConversation');
    const read = readMessage(body);
    if ('status' in read) return read;
    Object.assign(found, read, { updates: found.updates + 1 });
    return { status: 200, body: { id } };
  };
  const remove = (sent: string, id: string): Answer => {
    const where = whereIs(sent);
    if ('status' in where) return where;
    const index = messages.findIndex((message) => message.conversation === where.conversation && message.id === id);
    if (index === -1) return refuse(404, 'ActivityNotFoundInConversation');
    messages.splice(index, 1);
    return { status: 200 };
  };
  const memberOf = (sent: string, userId: string): Answer => {
    const where = whereIs(sent);
    if ('status' in where) return where;
    const found = [...members.values()].find(({ id }) => id === userId);
    if (found === undefined) return refuse(404, 'MemberNotFoundInConversation');
    return { status: 200, body: { ...found, objectId: found.aadObjectId, email: `${found.name}@example.com` } };
  };
  const pageOf = (sent: string, query: URLSearchParams): Answer => {
    const where = whereIs(sent);
    if ('status' in where) return where;
    const size = Number(query.get('pageSize'));
    if (!(size >= 50 && size <= 500)) return refuse(400, 'BadArgument');
    const from = Number(query.get('continuationToken') ?? 0);
    const page = [...members.values()].slice(from, from + size);
    const isLast = from + size >= members.size;
    return { status: 200, body: { members: page, ...(!isLast && { continuationToken: String(from + size) }) } };
  };
  const create = (body: unknown): Answer => {
    const [member] = (body as { members?: { id: string }[] }).members ?? [];
    const found = members.get(member?.id ?? '');
    if (found === undefined) return refuse(403, 'BotNotInConversationRoster');
    const id = `a:${found.aadObjectId}`;
    open.set(id, { hasBot: true });
    return { status: 201, body: { id } };
  };
  const message = (conversation: string, id: string): FakeTeamsMessage => {
    const found = messages.find((one) => one.conversation === conversation && one.id === id);
    if (found === undefined) throw new Error(`no message ${id} in ${conversation}`);
    return found;
  };
  return {
    messages: (conversation) => messages.filter((one) => one.conversation === conversation && one.thread === null),
    allIn: (conversation) => messages.filter((one) => one.conversation === conversation),
    replies: (conversation, thread) =>
      messages.filter((one) => one.conversation === conversation && one.thread === thread),
    message,
    setMember(aadObjectId, over = {}) {
      if (over === null) members.delete(aadObjectId);
      else
        members.set(aadObjectId, {
          id: `29:${aadObjectId}`,
          aadObjectId,
          tenantId,
          userRole: 'user',
          name: `Somebody ${aadObjectId.slice(-2)}`,
          ...over,
        });
    },
    member(aadObjectId) {
      const found = members.get(aadObjectId);
      if (found === undefined) throw new Error(`no member ${aadObjectId}`);
      return found;
    },
    isRefreshedFor({ conversation, card }, aadObjectId) {
      const { refresh } = card as { refresh?: { userIds?: string[] } };
      const { id } = members.get(aadObjectId) ?? { id: '' };
      if (refresh === undefined) return false;
      // Where it is left out, for everybody in a small conversation.
      const isSmall = conversation.startsWith('a:') || members.size <= 60;
      return refresh.userIds === undefined ? isSmall : refresh.userIds.slice(0, 60).includes(id);
    },
    removeMessage: (conversation, id) => void messages.splice(messages.indexOf(message(conversation, id)), 1),
    removeConversation: (conversation) => void open.delete(conversation),
    removeBot: (conversation) => void open.set(conversation, { hasBot: false }),
    call(method, path, body) {
      const [, conversation, what, id] =
        /^\/v3\/conversations(?:\/([^/]+)\/(activities|members|pagedmembers)(?:\/([^/]+))?)?$/.exec(
          path.split('?')[0] ?? '',
        ) ?? [];
      const at = decodeURIComponent(conversation ?? '');
      const item = decodeURIComponent(id ?? '');
      if (method === 'POST' && path === '/v3/conversations') return create(body);
      if (method === 'POST' && what === 'activities' && item === '') return post(at, body);
      if (method === 'PUT' && what === 'activities' && item !== '') return update(at, item, body);
      if (method === 'DELETE' && what === 'activities' && item !== '') return remove(at, item);
      if (method === 'GET' && what === 'pagedmembers') return pageOf(at, new URLSearchParams(path.split('?')[1]));
      if (method === 'GET' && what === 'members' && item !== '') return memberOf(at, item);
      return refuse(404, 'NotFound');
    },
  };
}

interface Read {
  summary: string;
  card: Card;
  mentions: string[];
}

function readMessage(body: unknown): Answer | Read {
  if (Buffer.byteLength(JSON.stringify(body)) > MESSAGE_BYTES) return refuse(413, 'MessageSizeTooBig');
  const { type, summary, attachments } = body as {
    type?: string;
    summary?: string;
    attachments?: { contentType: string; content: Card }[];
  };
  const [attachment, ...more] = attachments ?? [];
  const isCard = attachment?.contentType === 'application/vnd.microsoft.card.adaptive';
  if (type !== 'message' || !isCard || more.length > 0 || attachment.content['type'] !== 'AdaptiveCard')
    return refuse(400, 'BadSyntax');
  const { msteams } = attachment.content as { msteams?: { entities?: { mentioned: { id: string } }[] } };
  const mentions = (msteams?.entities ?? []).map(({ mentioned }) => mentioned.id);
  return { summary: summary ?? '', card: attachment.content, mentions };
}

function refuse(status: number, code: string): Answer {
  return { status, body: { error: { code, message: `Refused: ${code}` } } };
}
