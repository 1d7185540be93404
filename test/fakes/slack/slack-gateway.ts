import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type pg from 'pg';
import { vi } from 'vitest';
import type { DecisionRequest } from '../../../src/channels/decisions.js';
import { createSlackGuard } from '../../../src/channels/slack/guard.js';
import { slackInteractions, type SlackInteractionsOptions } from '../../../src/channels/slack/interactions.js';
import { createMessageStore } from '../../../src/channels/slack/message-store.js';
import { createSlackApi } from '../../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../../src/channels/slack/slack-channel.js';
import type { DecisionAnswer } from '../../../src/contracts/workflow.js';
import { Secret } from '../../../src/core/secret.js';
import { directory, PUBLIC_URL, slackIds, waitingView } from '../../unit/slack/views.js';
import { startFakeSlack, type FakeSlack } from './fake-slack.js';

/** A gateway with nothing but the Slack endpoint, a stub of the decisions port behind it, and a fake Slack before it. */
export interface SlackGateway {
  slack: FakeSlack;
  app: FastifyInstance;
  url: string;
  options: SlackInteractionsOptions;
  /** Everybody's clock; tests move it. */
  nowMs: number;
  /** What reached the port, in order. */
  decided: DecisionRequest[];
  /** How the port answers. */
  answer: (request: DecisionRequest) => Promise<DecisionAnswer>;
  /** What was put on record as refused. */
  refused: { code: string; who: string | null }[];
  /** Posts an action's message as the worker would; gives its timestamp. */
  post(view?: ReturnType<typeof waitingView>): Promise<string>;
  click(ts: string, button: 'approve' | 'deny', userId?: string): Promise<Response>;
  /** Presses Deny and gives the id of the modal that opened. */
  denialForm(ts: string, userId?: string): Promise<string>;
  /** Submits a modal and gives the answer's body. */
  submit(viewId: string, reason: string | null, userId?: string): Promise<unknown>;
  /** Waits for a line to a person and gives its text. */
  told(): Promise<string>;
  stop(): Promise<void>;
}

const SECRET = '0123456789abcdef0123456789abcdef';
const TOKEN = 'xoxb-test';

export async function startSlackGateway(pool: pg.Pool): Promise<SlackGateway> {
  const clock = (): number => gateway.nowMs;
  const slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel],
    signingSecret: SECRET,
    botToken: TOKEN,
    clock,
  });
  for (const id of ['U0ADA', 'U0BO', 'U0CY', 'U0NOBODY']) slack.state.setUser(id, {});
  const signingSecret = new Secret(SECRET);
  const options: SlackInteractionsOptions = {
    guard: createSlackGuard({ signingSecret, teamId: slackIds.teamId, appId: slackIds.appId, clock }),
    api: createSlackApi({ botToken: new Secret(TOKEN), apiUrl: slack.apiUrl }),
    store: createMessageStore(pool),
    directory: () => directory,
    decisions: {
      decide: (request) => {
        gateway.decided.push(request);
        return gateway.answer(request);
      },
    },
    refusals: { put: async ({ code }, { who }) => void gateway.refused.push({ code, who }) },
    signingSecret,
    clock,
  };
  const app = fastify({ bodyLimit: 1_000_000 });
  await app.register(slackInteractions, options);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${String((app.server.address() as AddressInfo).port)}`;
  const gateway: SlackGateway = {
    slack,
    app,
    url,
    options,
    nowMs: Date.UTC(2026, 10, 22, 12),
    decided: [],
    answer: async ({ decision }) => ({ state: decision === 'deny' ? 'denied' : 'filled', open: [] }),
    refused: [],
    ...hands(slack, url, pool, options),
    async stop() {
      await app.close();
      await slack.stop();
    },
  };
  return gateway;
}

type Hands = Pick<SlackGateway, 'post' | 'click' | 'denialForm' | 'submit' | 'told'>;

function hands(slack: FakeSlack, url: string, pool: pg.Pool, { api, clock }: SlackInteractionsOptions): Hands {
  const { channel } = slackIds;
  const click: Hands['click'] = (ts, button, userId = 'U0ADA') =>
    slack.click(url, { conversation: channel, ts, button: `countersign_${button}`, userId });
  return {
    click,
    async post(view = waitingView()) {
      const config = { teamId: slackIds.teamId, channel, fallbackChannel: null, publicUrl: PUBLIC_URL };
      const worker = createSlackChannel({
        api,
        store: createMessageStore(pool),
        directory: () => directory,
        config,
        readLog: async () => null,
        clock,
      });
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
