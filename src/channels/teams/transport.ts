import type { Activity, ConversationParameters, ConversationReference, TurnContext } from 'botbuilder';
import { TEAMS_NAMES } from './activity.js';
import { createConnectorHttp } from './connector-http.js';
import {
  TeamsFault,
  type ClickAnswer,
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
    member: (place, userId) => at(place, (context) => TeamsInfo.getMember(context, userId)),
  };
}

/** The part of the SDK's connector that we call. */
interface Conversations {
  sendToConversation(conversation: string, activity: Partial<Activity>): Promise<{ id?: string }>;
  createConversation(parameters: Partial<ConversationParameters>): Promise<{ id?: string }>;
  getConversationPagedMembers(conversation: string, options: { pageSize: number }): Promise<unknown>;
  updateActivity(conversation: string, messageId: string, activity: Partial<Activity>): Promise<unknown>;
}

/** The way in, through `@microsoft/teams-ai`. */
export async function openTeamsReceiver(options: TransportOptions): Promise<TeamsReceiver> {
  const { Application, TeamsAdapter } = await import('@microsoft/teams-ai');
  const adapter = new TeamsAdapter(authentication(options), credentials(options), undefined, connector(options));
  return {
    async receive(activity, authorization, onClick) {
      const app = new Application({ adapter, botAppId: options.appId, startTypingTimer: false });
      const answer = onClick as () => Promise<Exclude<ClickAnswer, object>>;
      app.adaptiveCards.actionExecute([TEAMS_NAMES.approve, TEAMS_NAMES.deny], () => answer());
      const response = createResponse();
      const request = { method: 'POST', headers: { authorization }, body: activity as Record<string, unknown> };
      await adapter.process(request, response, async (context) => {
        await app.run(context);
      });
      return response.sent;
    },
  };
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

function toActivity({ summary, card, mentions = [] }: OutgoingMessage): Partial<Activity> {
  const entities = mentions.map(({ name, aadObjectId }) => ({
    type: 'mention',
    text: `<at>${name}</at>`,
    mentioned: { id: aadObjectId, name },
  }));
  const content = entities.length === 0 ? card : { ...card, msteams: { ...card.msteams, entities } };
  return {
    type: 'message',
    summary,
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content }],
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
