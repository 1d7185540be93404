import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type pg from 'pg';
import { vi } from 'vitest';
import type { Log } from '../../../src/channels/log.js';
import type { Directory } from '../../../src/directory/directory.js';
import type { OnCall } from '../../../src/directory/oncall/on-call.js';
import type { DecisionRequest } from '../../../src/channels/decisions.js';
import { createSlackGuard, type SlackGuard } from '../../../src/channels/slack/guard.js';
import { createEntrance, type Entrance, type EntranceOptions } from '../../../src/channels/slack/entrance.js';
import { slackInteractions } from '../../../src/channels/slack/interactions.js';
import type { DigestSettings } from '../../../src/channels/message/digests.js';
import { createDigestStore } from '../../../src/channels/message/digest-store.js';
import { createMessageStore } from '../../../src/channels/message/message-store.js';
import { createSlackApi } from '../../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../../src/channels/slack/slack-channel.js';
import { waitsFor } from '../../../src/channels/message/showings.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { LogText } from '../../../src/record/log-text.js';
import type { DecisionAnswer } from '../../../src/contracts/workflow.js';
import { Secret } from '../../../src/core/secret.js';
import { directory, PUBLIC_URL, slackIds, waitingView, SLACK_PLACES } from '../../unit/slack/views.js';
import { startFakeSlack, type FakeSlack, type FakeSlackOptions } from './fake-slack.js';

/** A gateway with nothing but the Slack endpoint, a stub of the decisions port behind it, and a fake Slack before it. */
export interface SlackGateway {
  slack: FakeSlack;
  app: FastifyInstance;
  url: string;
  options: EntranceOptions;
  guard: SlackGuard;
  entrance: Entrance;
  /** Everybody's clock; tests move it. */
  nowMs: number;
  /** What the record tells of actions. */
  onRecord: Map<string, { view: ActionView; log: LogText | null }>;
  /** What reached the port, in order. */
  decided: DecisionRequest[];
  /** How the port answers. */
  answer: (request: DecisionRequest) => Promise<DecisionAnswer>;
  /** What was put on record as refused. */
  refused: { code: string; who: string | null }[];
  /** Posts an action's message as the worker would; gives its timestamp. */
  post(view?: ActionView, log?: LogText | null): Promise<string>;
  click(ts: string, button: 'approve' | 'deny' | 'read', userId?: string): Promise<Response>;
  /** Presses Deny and gives the id of the modal that opened. */
  denialForm(ts: string, userId?: string): Promise<string>;
  /** Submits a modal and gives the answer's body. */
  submit(viewId: string, reason: string | null, userId?: string): Promise<unknown>;
  /** Waits for a line to a person and gives its text. */
  told(): Promise<string>;
  stop(): Promise<void>;
}

/** Takes what is logged and keeps nothing. */
export const SILENT: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** No source knows who is on call. */
export const NOBODY_ON_CALL: Pick<OnCall, 'of'> = { of: async () => ({ people: [], source: null, faults: [] }) };

/** Digests of what waits by these views, in the database of a test. */
export function digestsOf(
  pool: pg.Pool,
  views: () => readonly ActionView[] = () => [],
  people: Directory = directory,
): DigestSettings {
  return {
    store: createDigestStore(pool),
    everyMs: 900_000,
    readWaiting: async () => {
      const open = views();
      return (person) => ({ views: open.filter((view) => waitsFor(view, person, people)), isCut: false });
    },
  };
}

/** Whose confirmed addresses lead to a person. */
const EMAIL_DOMAINS = ['example.com'];

const SECRET = '0123456789abcdef0123456789abcdef';
const TOKEN = 'xoxb-test';

export async function startSlackGateway(pool: pg.Pool, socket?: FakeSlackOptions['socket']): Promise<SlackGateway> {
  const clock = (): number => gateway.nowMs;
  const slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel],
    signingSecret: SECRET,
    botToken: TOKEN,
    ...(socket !== undefined && { socket }),
    clock,
  });
  for (const id of ['U0ADA', 'U0BO', 'U0CY', 'U0NOBODY']) slack.state.setUser(id, {});
  const signingSecret = new Secret(SECRET);
  const guard = createSlackGuard({ signingSecret, teamId: slackIds.teamId, appId: slackIds.appId, clock });
  const options: EntranceOptions = {
    api: createSlackApi({ botToken: new Secret(TOKEN), apiUrl: slack.apiUrl }),
    store: createMessageStore(pool),
    directory: () => directory,
    emailDomains: EMAIL_DOMAINS,
    decisions: {
      decide: (request) => {
        gateway.decided.push(request);
        return gateway.answer(request);
      },
    },
    refusals: { put: async ({ code }, { who }) => void gateway.refused.push({ code, who }) },
    readAction: async (actionId) => gateway.onRecord.get(actionId),
    waitingFor: async (person) => {
      const views = [...gateway.onRecord.values()].map(({ view }) => view);
      return { views: views.filter((view) => waitsFor(view, person, directory)), isCut: false };
    },
    signingSecret,
    publicUrl: PUBLIC_URL,
    clock,
    log: SILENT,
  };
  const entrance = createEntrance(options);
  const app = fastify({ bodyLimit: 1_000_000 });
  await app.register(slackInteractions, { guard, entrance });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`;
  const gateway: SlackGateway = {
    slack,
    app,
    url,
    options,
    guard,
    entrance,
    onRecord: new Map(),
    nowMs: Date.UTC(2026, 10, 22, 12),
    decided: [],
    answer: async ({ decision }) => ({ state: decision === 'deny' ? 'denied' : 'filled', open: [] }),
    refused: [],
    ...hands(slack, url, pool, () => gateway),
    async stop() {
      await app.close();
      await slack.stop();
    },
  };
  return gateway;
}

type Hands = Pick<SlackGateway, 'post' | 'click' | 'denialForm' | 'submit' | 'told'>;

function hands(slack: FakeSlack, url: string, pool: pg.Pool, gateway: () => SlackGateway): Hands {
  const { channel } = slackIds;
  const click: Hands['click'] = (ts, button, userId = 'U0ADA') =>
    slack.click(url, { conversation: channel, ts, button: `countersign_${button}`, userId });
  return {
    click,
    async post(view = waitingView(), log = null) {
      const config = { ...SLACK_PLACES, channel };
      const worker = createSlackChannel({
        api: gateway().options.api,
        store: createMessageStore(pool),
        directory: () => directory,
        config,
        readLog: async () => null,
        onCall: NOBODY_ON_CALL,
        digests: digestsOf(pool),
        givenUp: async () => undefined,
        log: SILENT,
        pause: async () => undefined,
        clock: gateway().options.clock,
      });
      gateway().onRecord.set(view.actionId, { view, log });
      await worker.announce('opened', view, 1);
      return slack.state.messages(channel).at(-1)?.ts ?? '';
    },
    async denialForm(ts, userId) {
      await click(ts, 'deny', userId);
      return vi.waitFor(() => must(slack.state.views().at(-1)));
    },
    submit: async (viewId, reason, userId = 'U0ADA') => (await slack.submit(url, { viewId, userId, reason })).json(),
    told: () => vi.waitFor(() => must(slack.state.ephemerals.at(-1)?.text)),
  };
}

/** For `vi.waitFor`: throws until the value is there. */
export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not yet');
  return value;
}
