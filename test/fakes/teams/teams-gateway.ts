import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type pg from 'pg';
import type { DecisionRequest } from '../../../src/channels/decisions.js';
import { createMessageStore } from '../../../src/channels/message/message-store.js';
import { createBotToken } from '../../../src/channels/teams/bot-token.js';
import { createConversationStore } from '../../../src/channels/teams/conversation-store.js';
import { createTeamsGate } from '../../../src/channels/teams/gate.js';
import { teamsMessages, type TeamsMessagesOptions } from '../../../src/channels/teams/messages.js';
import { createConnectorKeys } from '../../../src/channels/teams/openid-keys.js';
import { createTeamsChannel } from '../../../src/channels/teams/teams-channel.js';
import type { TeamsApi } from '../../../src/channels/teams/teams-api.js';
import { openTeamsApi, openTeamsReceiver, type TransportOptions } from '../../../src/channels/teams/transport.js';
import type { DecisionAnswer } from '../../../src/contracts/workflow.js';
import type { Channel } from '../../../src/channels/channel.js';
import type { Directory } from '../../../src/directory/directory.js';
import type { OnCall } from '../../../src/directory/oncall/on-call.js';
import { Secret } from '../../../src/core/secret.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { PUBLIC_URL, waitingView } from '../../unit/slack/views.js';
import { ACCOUNTS, directory, STRANGER, teamsIds } from '../../unit/teams/views.js';
import { digestsOf, NOBODY_ON_CALL } from '../slack/slack-gateway.js';
import { CONNECTOR_ISSUER } from './connector-tokens.js';
import { startFakeTeams, type FakeTeams } from './fake-teams.js';
import type { FakeTeamsMessage } from './teams-state.js';

/** A gateway with nothing but the Teams endpoint, a stub of the decisions port behind it, and a fake Teams before it. */
export interface TeamsGateway {
  teams: FakeTeams;
  app: FastifyInstance;
  url: string;
  /** What reached the port, in order. */
  decided: DecisionRequest[];
  /** How the port answers. */
  answer: (request: DecisionRequest) => Promise<DecisionAnswer>;
  /** What the record shows of the action. */
  view: ActionView;
  /** What was put on record as refused. */
  refused: { code: string; who: string | null }[];
  /** The worker's side. */
  channel: Channel;
  /** Posts an action's message as the worker would. */
  post(view?: ActionView): Promise<FakeTeamsMessage>;
  stop(): Promise<void>;
}

export const transportOf = (teams: FakeTeams): TransportOptions => ({
  appId: teamsIds.appId,
  botToken: createBotToken({
    appId: teamsIds.appId,
    password: new Secret(teamsIds.password),
    tokenUrl: teams.tokenUrl,
    scope: 'https://api.botframework.com/.default',
    clock: Date.now,
  }),
  serviceUrls: [teams.serviceUrl],
  issuer: CONNECTOR_ISSUER,
  metadataUrl: teams.openIdUrl,
});

export interface WorkerChanges {
  fallback?: string | null;
  notices?: string | null;
  clock?: () => number;
  serviceUrl?: string;
  serviceUrls?: readonly string[];
  onCall?: Pick<OnCall, 'of'>;
  directory?: Directory;
  /** What the record tells of open actions. */
  open?: () => readonly ActionView[];
}

/** The channel as a worker has it. */
export function makeChannel(
  api: TeamsApi,
  teams: FakeTeams,
  pool: pg.Pool,
  {
    fallback = null,
    notices = null,
    clock = Date.now,
    serviceUrl = teams.serviceUrl,
    serviceUrls = [teams.serviceUrl],
    onCall = NOBODY_ON_CALL,
    directory: people = directory,
    open = () => [],
  }: WorkerChanges = {},
): Channel {
  return createTeamsChannel({
    api,
    store: createMessageStore(pool),
    places: createConversationStore(pool),
    directory: () => people,
    config: {
      tenantIds: [teamsIds.tenantId],
      conversation: teamsIds.channel,
      fallbackConversation: fallback,
      noticeConversation: notices,
      serviceUrl,
      serviceUrls,
      publicUrl: PUBLIC_URL,
    },
    readLog: async () => null,
    onCall,
    digests: digestsOf(pool, open, people),
    pause: async () => undefined,
    givenUp: async () => undefined,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    clock,
  });
}

export function startTeams(over: { limitsPosts?: boolean } = {}): Promise<FakeTeams> {
  return startFakeTeams({
    ...teamsIds,
    conversations: [teamsIds.channel, teamsIds.fallback],
    clock: Date.now,
    ...over,
  });
}

export async function startTeamsGateway(pool: pg.Pool): Promise<TeamsGateway> {
  const teams = await startTeams();
  for (const aadObjectId of [...Object.values(ACCOUNTS), STRANGER]) teams.state.setMember(aadObjectId);
  const transport = transportOf(teams);
  const api = await openTeamsApi(transport);
  const { appId, tenantId } = teamsIds;
  const { issuer, metadataUrl, serviceUrls } = transport;
  const clock = Date.now;
  const options: TeamsMessagesOptions = {
    gate: createTeamsGate({
      appId,
      issuer,
      tenantIds: [tenantId],
      serviceUrls,
      keys: createConnectorKeys({ metadataUrl, issuer, clock }),
      clock,
    }),
    receiver: await openTeamsReceiver(transport),
    api,
    store: createMessageStore(pool),
    places: createConversationStore(pool),
    directory: () => directory,
    decisions: {
      decide: (request) => {
        gateway.decided.push(request);
        return gateway.answer(request);
      },
    },
    refusals: { put: async ({ code }, { who }) => void gateway.refused.push({ code, who }) },
    viewOf: async () => gateway.view,
    readLog: async () => null,
    publicUrl: PUBLIC_URL,
    clock,
  };
  const app = fastify({ bodyLimit: 1_000_000 });
  await app.register(teamsMessages, options);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const channel = makeChannel(api, teams, pool);
  const gateway: TeamsGateway = {
    teams,
    app,
    url: `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`,
    decided: [],
    answer: async ({ decision }) => ({ state: decision === 'deny' ? 'denied' : 'filled', open: [] }),
    view: waitingView(),
    refused: [],
    channel,
    async post(view = waitingView()) {
      await channel.announce('opened', view, 1);
      const message = teams.state.messages(teamsIds.channel).at(-1);
      if (message === undefined) throw new Error('nothing was posted');
      return message;
    },
    async stop() {
      await app.close();
      await teams.stop();
    },
  };
  return gateway;
}
