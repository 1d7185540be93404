import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { CONNECTOR_ISSUER, createConnectorTokens, type ConnectorTokens } from './connector-tokens.js';
import {
  createTeamsState,
  type Card,
  type FakeTeamsMessage,
  type StateOptions,
  type TeamsState,
} from './teams-state.js';

/** What goes wrong with a call to the connector. */
export type Fault =
  /** The work is done, but the answer is lost. */
  | 'lose_answer'
  /** The connection breaks before Teams saw it. */
  | 'drop_request'
  | { status: number; headers?: Record<string, string> };

export interface FakeTeamsOptions extends StateOptions {
  appId: string;
  password: string;
}

export interface Click {
  message: Pick<FakeTeamsMessage, 'conversation' | 'id' | 'card'>;
  button: 'approve' | 'deny';
  aadObjectId: string;
  reason?: string;
}

/** A message as somebody sees it. */
export interface Seen {
  id: string;
  /** Null for one that begins its own thread. */
  thread: string | null;
  card: Card;
}

/** A Teams that speaks the true wire protocol on loopback: Bot Connector, its keys, and the sign-in of bots. */
export interface FakeTeams {
  /** Origin, without a trailing slash. */
  url: string;
  /** With a trailing slash. */
  serviceUrl: string;
  openIdUrl: string;
  tokenUrl: string;
  state: TeamsState;
  tokens: ConnectorTokens;
  /** Method and path of every call to the connector that was answered, in order. */
  calls: string[];
  /** Whether the sign-in of bots gave out this access token. */
  isIssued(token: string): boolean;
  failNext(fault: Fault): void;
  /** What goes wrong with every call, until it is told otherwise. */
  failAll(fault: Fault | null): void;
  /** What Teams' client makes of pressing a button: an invoke. */
  invoke(click: Click): Record<string, unknown>;
  /** Presses a button. */
  click(gatewayUrl: string, click: Click): Promise<Response>;
  /**
   * Somebody opens a conversation: Teams' client asks for each card with `refresh` what it shows, and again when that message is
   * changed while they look.
   * @returns what they see in the end, and what was answered
   */
  look(gatewayUrl: string, conversation: string, aadObjectId: string): Promise<{ seen: Seen[]; answers: unknown[] }>;
  /** What Teams' client makes of looking at a message. */
  refresh(message: FakeTeamsMessage, aadObjectId: string): Record<string, unknown>;
  /** Sends an activity with a token of the connector. */
  send(gatewayUrl: string, activity: unknown): Promise<Response>;
  stop(): Promise<void>;
}

export async function startFakeTeams(options: FakeTeamsOptions): Promise<FakeTeams> {
  const state = createTeamsState(options);
  const tokens = await createConnectorTokens(options.appId, options.clock);
  const calls: string[] = [];
  const faults: Fault[] = [];
  let everywhere: Fault | null = null;
  const issued = new Set<string>();

  const serveConnector = async (request: IncomingMessage, path: string): Promise<Reply> => {
    const body = await readText(request);
    // The list of members changes nothing: what a test lets go wrong next is meant for something else.
    const fault = (path.includes('/pagedmembers') ? undefined : faults.shift()) ?? everywhere;
    if (fault === 'drop_request') return 'broken';
    if (fault !== null && typeof fault === 'object') return fault;
    if (!issued.has((request.headers.authorization ?? '').replace('Bearer ', ''))) return { status: 401 };
    const answer = state.call(request.method ?? '', path, body === '' ? undefined : JSON.parse(body));
    calls.push(`${request.method ?? ''} ${path}`);
    return fault === 'lose_answer' ? 'broken' : answer;
  };
  const server = createServer((request, response) => void serve(request, response));
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    const reply = path.startsWith('/emea/')
      ? await serveConnector(request, path.slice('/emea'.length))
      : await serveSignIn(request, path);
    if (reply === 'broken') return void request.socket.destroy();
    const { status, headers, body } = reply;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body ?? {}));
  };
  const serveSignIn = async (request: IncomingMessage, path: string): Promise<Exclude<Reply, string>> => {
    if (path === '/v1/.well-known/openidconfiguration')
      return {
        status: 200,
        body: {
          issuer: CONNECTOR_ISSUER,
          jwks_uri: `${url}/v1/.well-known/keys`,
          id_token_signing_alg_values_supported: ['RS256'],
        },
      };
    if (path === '/v1/.well-known/keys') return { status: 200, body: tokens.jwks };
    if (path !== '/botframework.com/oauth2/v2.0/token' || request.method !== 'POST') return { status: 404 };
    const form = new URLSearchParams(await readText(request));
    const isBot =
      form.get('grant_type') === 'client_credentials' &&
      form.get('client_id') === options.appId &&
      form.get('client_secret') === options.password &&
      form.get('scope') === 'https://api.botframework.com/.default';
    if (!isBot) return { status: 401, body: { error: 'invalid_client' } };
    const token = randomUUID();
    issued.add(token);
    return { status: 200, body: { token_type: 'Bearer', expires_in: 3_599, access_token: token } };
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const serviceUrl = `${url}/emea/`;
  const send: FakeTeams['send'] = async (gatewayUrl, activity) =>
    fetch(`${gatewayUrl}/teams/messages`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        authorization: `Bearer ${await tokens.sign(serviceUrl)}`,
      },
      body: JSON.stringify(activity),
    });
  const sender = { ...options, state, serviceUrl };
  const invoke: FakeTeams['invoke'] = (click) => invokeOf(click, sender);
  const refresh: FakeTeams['refresh'] = (message, aadObjectId) => refreshOf(message, aadObjectId, sender);
  return {
    url,
    serviceUrl,
    openIdUrl: `${url}/v1/.well-known/openidconfiguration`,
    tokenUrl: `${url}/botframework.com/oauth2/v2.0/token`,
    state,
    tokens,
    calls,
    isIssued: (token) => issued.has(token),
    failNext: (fault) => void faults.push(fault),
    failAll: (fault) => void (everywhere = fault),
    invoke,
    refresh,
    look: async (gatewayUrl, conversation, aadObjectId) => {
      const answers: unknown[] = [];
      const shown = new Map<string, { updates: number; card: Card }>();
      const stale = (message: FakeTeamsMessage): boolean => shown.get(message.id)?.updates !== message.updates;
      const here = (): FakeTeamsMessage[] => state.allIn(conversation);
      for (let round = 1; here().some(stale); round += 1) {
        if (round > 5) throw new Error('the cards are refreshed again and again');
        for (const message of here().filter(stale)) {
          const { updates } = message;
          shown.set(message.id, { updates, card: message.card });
          if (!state.isRefreshedFor(message, aadObjectId)) continue;
          const answer = await send(gatewayUrl, refresh(message, aadObjectId));
          const body = (await answer.json()) as { value?: Card | string };
          answers.push({ status: answer.status, ...body });
          if (typeof body.value === 'object') shown.set(message.id, { updates, card: body.value });
        }
      }
      const seen = here().map(({ id, thread, card }) => ({ id, thread, card: shown.get(id)?.card ?? card }));
      return { seen, answers };
    },
    click: (gatewayUrl, click) => send(gatewayUrl, invoke(click)),
    send,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Reply = { status: number; headers?: Record<string, string>; body?: unknown } | 'broken';

interface Sender {
  appId: string;
  tenantId: string;
  serviceUrl: string;
  state: TeamsState;
  clock: () => number;
}

function invokeOf(
  { message: { conversation, id, card }, button, aadObjectId, reason }: Click,
  { appId, tenantId, serviceUrl, state, clock }: Sender,
): Record<string, unknown> {
  const action = executeIn(card, `countersign.${button}`);
  const data = { ...(action['data'] as object), ...(reason !== undefined && { countersign_reason: reason }) };
  const execute = { type: 'Action.Execute', title: action['title'], verb: action['verb'], data };
  const value = { action: execute, trigger: 'manual' };
  return activityOf({ conversation, id, aadObjectId, value }, { appId, tenantId, serviceUrl, state, clock });
}

function refreshOf(
  { conversation, id, card }: FakeTeamsMessage,
  aadObjectId: string,
  sender: Sender,
): Record<string, unknown> {
  const { refresh } = card as { refresh?: { action: unknown } };
  if (refresh === undefined) throw new Error('the card is not refreshed');
  return activityOf({ conversation, id, aadObjectId, value: { action: refresh.action, trigger: 'automatic' } }, sender);
}

interface Executed {
  conversation: string;
  /** Of the message. */
  id: string;
  aadObjectId: string;
  value: unknown;
}

function activityOf(
  { conversation, id, aadObjectId, value }: Executed,
  { appId, tenantId, serviceUrl, state, clock }: Sender,
): Record<string, unknown> {
  const { id: userId, name } = state.member(aadObjectId);
  const inThread = conversation.endsWith('@thread.tacv2') ? `${conversation};messageid=${id}` : conversation;
  return {
    type: 'invoke',
    name: 'adaptiveCard/action',
    id: `f:${randomUUID()}`,
    timestamp: new Date(clock()).toISOString(),
    channelId: 'msteams',
    serviceUrl,
    from: { id: userId, name, aadObjectId },
    conversation: { isGroup: true, conversationType: 'channel', tenantId, id: inThread },
    recipient: { id: `28:${appId}`, name: 'Countersign' },
    channelData: { channel: { id: conversation }, tenant: { id: tenantId }, source: { name: 'message' } },
    replyToId: id,
    value,
    locale: 'en-GB',
  };
}

/** The action of a card with this verb. @throws Error when there is no such button. */
function executeIn(card: Card, verb: string): Record<string, unknown> {
  const found = objectsIn(card).find((each) => each['type'] === 'Action.Execute' && each['verb'] === verb);
  if (found === undefined) throw new Error(`the card has no button ${verb}`);
  return found;
}

/** Every object inside, whatever it is nested in. */
export function objectsIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(objectsIn);
  return Array.isArray(value) ? inner : [value as Record<string, unknown>, ...inner];
}

/** All text of a card as people read it; lines end with a line feed. */
export function textOf(card: object): string {
  return objectsIn((card as Card)['body'])
    .map((each) => {
      if (each['type'] === 'RichTextBlock')
        return `${(each['inlines'] as { text: string }[]).map(({ text }) => text).join('')}\n`;
      return each['type'] === 'TextBlock' ? `${String(each['text'])}\n` : '';
    })
    .join('')
    .replaceAll('\u00a0', ' ');
}
