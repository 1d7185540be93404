import type { Activity, ConversationParameters, ConversationReference, TurnContext } from 'botbuilder';
import { TEAMS_NAMES } from './activity.js';
import type { Refresh } from './card.js';
import { createConnectorHttp } from './connector-http.js';
import {
  TeamsFault,
  type Member,
  type OutgoingMessage,
  type Place,
  type TeamsApi,
  type TeamsReceiver,
} from './teams-api.js';

// The one file that knows Microsoft's SDK. It is large and slow to load, so it is loaded where Teams is on, and only then.

export interface TransportOptions {
  appId: string;
  /** The bot's own access token. */
  botToken: () => Promise<string>;
  /** Beginnings of the addresses that Teams may be at. */
  serviceUrls: readonly string[];
  /** The SDK checks incoming tokens too, after our gate. */
  issuer: string;
  metadataUrl: string;
}

/** Teams' Bot Connector through `botbuilder`, without retries of its own: Temporal retries, and a post is not idempotent. */
export async function openTeamsApi(options: TransportOptions): Promise<TeamsApi> {
  const { CloudAdapter, ConfigurationBotFrameworkAuthentication, TeamsInfo } = await import('botbuilder');
  const adapter = new CloudAdapter(
    new ConfigurationBotFrameworkAuthentication(
      authentication(options),
      credentials(options),
      undefined,
      undefined,
      connector(options),
    ),
  );
  // Not the context's own methods: they reply to the activity that the SDK has just made up.
  const clientOf = (context: TurnContext): Conversations =>
    context.turnState.get<{ conversations: Conversations }>(adapter.ConnectorClientKey).conversations;
  const at = async <T>(place: Place, work: (context: TurnContext) => Promise<T>): Promise<T> => {
    let done: { value: T } | undefined;
    await adapter.continueConversationAsync(options.appId, referenceTo(place, options), async (context) => {
      done = { value: await work(context) };
    });
    if (done === undefined) throw new Error('openTeamsApi: the SDK did not run the call');
    return done.value;
  };
  return {
    post: (place, message) =>
      at(place, async (context) => {
        const answer = await clientOf(context).sendToConversation(place.conversation, toActivity(message));
        if (typeof answer.id !== 'string' || answer.id === '')
          throw new TeamsFault('unclear', 'Teams took a message and did not say where it is.');
        return { conversation: place.conversation, ts: answer.id };
      }),
    update: (place, messageId, message) =>
      at(place, async (context) => {
        await clientOf(context).updateActivity(place.conversation, messageId, toActivity(message));
      }),
    remove: (place, messageId) =>
      at(place, async (context) => {
        await clientOf(context).deleteActivity(place.conversation, messageId);
      }),
    openDirect: (serviceUrl, { tenantId, aadObjectId }) =>
      at({ conversation: '', serviceUrl }, async (context) => {
        const answer = await clientOf(context).createConversation({
          isGroup: false,
          bot: { id: `28:${options.appId}`, name: '' },
          members: [{ id: aadObjectId, name: '' }],
          tenantId,
          channelData: { tenant: { id: tenantId } },
        });
        if (typeof answer.id !== 'string' || answer.id === '')
          throw new TeamsFault('unclear', 'Teams did not say which chat it opened.');
        return answer.id;
      }),
    async requireAnswer(place) {
      const { conversation } = place;
      await at(place, (context) => clientOf(context).getConversationPagedMembers(conversation, { pageSize: 50 })).catch(
        (error: unknown) => {
          const isAnswer = error instanceof TeamsFault && error.kind !== 'unclear' && error.status > 0;
          if (!isAnswer) throw error;
        },
      );
    },
    members: (place, pages) => at(place, (context) => membersOf(place.conversation, pages, clientOf(context))),
    member: (place, userId) => at(place, (context) => TeamsInfo.getMember(context, userId)),
  };
}

/** The part of the SDK's connector that we call. */
interface Conversations {
  sendToConversation(conversation: string, activity: Partial<Activity>): Promise<{ id?: string }>;
  createConversation(parameters: Partial<ConversationParameters>): Promise<{ id?: string }>;
  getConversationPagedMembers(
    conversation: string,
    options: { pageSize: number; continuationToken?: string },
  ): Promise<{ members?: { id?: string; aadObjectId?: string; objectId?: string }[]; continuationToken?: string }>;
  updateActivity(conversation: string, messageId: string, activity: Partial<Activity>): Promise<unknown>;
  deleteActivity(conversation: string, messageId: string): Promise<unknown>;
}

/** What Teams takes at most. */
const PAGE_SIZE = 500;

async function membersOf(
  conversation: string,
  pages: number,
  client: Conversations,
): Promise<{ members: Member[]; isAll: boolean }> {
  const members: Member[] = [];
  let next = '';
  for (let page = 1; page <= pages; page += 1) {
    const options = { pageSize: PAGE_SIZE, ...(next !== '' && { continuationToken: next }) };
    const answer = await client.getConversationPagedMembers(conversation, options);
    for (const { id, aadObjectId, objectId } of answer.members ?? [])
      if (id !== undefined) members.push({ id, aadObjectId: (aadObjectId ?? objectId)?.toLowerCase() });
    next = answer.continuationToken ?? '';
    if (next === '') return { members, isAll: true };
  }
  return { members, isAll: false };
}

/** The way in, through `@microsoft/teams-ai`. */
export async function openTeamsReceiver(options: TransportOptions): Promise<TeamsReceiver> {
  const { Application, TeamsAdapter } = await import('@microsoft/teams-ai');
  const adapter = new TeamsAdapter(authentication(options), credentials(options), undefined, connector(options));
  return {
    async receive(activity, authorization, onClick) {
      const app = new Application({ adapter, botAppId: options.appId, startTypingTimer: false });
      let refresh: Refresh | undefined;
      // The SDK changes the message itself, for everybody, when an answer has this: each look would bring on the next.
      const answer = async (): Promise<string> => {
        const given = await onClick();
        if (typeof given === 'string') return given;
        const { refresh: asked, ...card } = given;
        refresh = asked;
        return card as never;
      };
      const verbs = [TEAMS_NAMES.approve, TEAMS_NAMES.deny, TEAMS_NAMES.refresh];
      app.adaptiveCards.actionExecute(verbs, () => answer());
      const response = createResponse();
      const request = { method: 'POST', headers: { authorization }, body: activity as Record<string, unknown> };
      await adapter.process(request, response, async (context) => {
        await app.run(context);
      });
      const { status, body } = response.sent;
      return { status, body: refresh === undefined ? body : withRefresh(body, refresh) };
    },
  };
}

function withRefresh(body: unknown, refresh: Refresh): unknown {
  const invokeAnswer = body as { value: object };
  return { ...invokeAnswer, value: { ...invokeAnswer.value, refresh } };
}

function authentication({ appId, issuer, metadataUrl }: TransportOptions) {
  return {
    MicrosoftAppId: appId,
    ValidateAuthority: true,
    ToBotFromChannelTokenIssuer: issuer,
    ToBotFromChannelOpenIdMetadataUrl: metadataUrl,
    // Emulators and skills have no way in: their keys are looked for where there are none of theirs.
    ToBotFromEmulatorOpenIdMetadataUrl: metadataUrl,
    // Not used: our credentials ask for the token themselves.
    ToChannelFromBotLoginUrl: 'https://login.invalid',
    ToChannelFromBotOAuthScope: issuer,
    OAuthUrl: 'https://login.invalid',
    CallerId: 'urn:botframework:azure',
  };
}

/** A `ServiceClientCredentialsFactory`, whose class is there only once the SDK is loaded. */
function credentials({ appId, botToken }: TransportOptions): never {
  const factory = {
    isValidAppId: async (id: string) => id === appId,
    isAuthenticationDisabled: async () => false,
    createCredentials: async () => ({
      async signRequest<Request extends { headers: { set(name: string, value: string): void } }>(request: Request) {
        request.headers.set('authorization', `Bearer ${await botToken()}`);
        return request;
      },
    }),
  };
  return factory as never;
}

function connector({ serviceUrls }: TransportOptions) {
  return { httpClient: createConnectorHttp(serviceUrls) as never };
}

function referenceTo({ conversation, serviceUrl }: Place, { appId }: TransportOptions): Partial<ConversationReference> {
  return {
    channelId: 'msteams',
    serviceUrl,
    bot: { id: `28:${appId}`, name: '' },
    conversation: { id: conversation } as ConversationReference['conversation'],
  };
}

function toActivity({ summary, card }: OutgoingMessage): Partial<Activity> {
  return {
    type: 'message',
    summary,
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: card }],
  };
}

/** What the SDK writes its answer to. */
function createResponse() {
  const sent: { status: number; body: unknown } = { status: 200, body: undefined };
  return {
    sent,
    socket: undefined,
    status: (code: number) => void (sent.status = code),
    send: (body: unknown) => void (sent.body = body),
    end: () => undefined,
    header: () => undefined,
  };
}
