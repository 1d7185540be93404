import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import type { Fields } from './block-kit.js';
import { createSlackState, type Answer, type SlackState, type StateOptions } from './slack-state.js';
import { payloadForm, slackSignature } from './signatures.js';

/** What goes wrong with a call. */
export type Fault =
  /** The work is done, but the answer is lost. */
  | 'lose_answer'
  /** The connection breaks before Slack saw it. */
  | 'drop_request'
  /** Called as the request arrives; Slack does the work only when it resolves. */
  | { hold: (method: string, form: Record<string, string>) => Promise<void> }
  | { status: number; headers?: Record<string, string>; body?: string };

export interface FakeSlackOptions extends StateOptions {
  signingSecret: string;
  botToken: string;
  /** Socket Mode: the app-level token, and what `apps.connections.open` answers. */
  socket?: { appToken: string; open: () => { ok: boolean } };
}

export interface Click {
  conversation: string;
  ts: string;
  /** The button's `action_id`. */
  button: string;
  userId: string;
}

export interface PageClick {
  viewId: string;
  /** The button's `action_id`. */
  button: string;
  userId: string;
}

export interface Submission {
  viewId: string;
  userId: string;
  reason: string | null;
}

/** A Slack that speaks the real wire protocol on loopback, keeps state, and enforces the limits we rely on. */
export interface FakeSlack {
  /** For `slackApiUrl`, with a trailing slash. */
  apiUrl: string;
  state: SlackState;
  /** Every call that was answered, in order. */
  calls: string[];
  /** How often a method was asked for, answered or not. */
  asked(method: string): number;
  failNext(method: string, fault: Fault): void;
  /** What goes wrong with every call, until it is told otherwise. */
  failAll(fault: Fault | null): void;
  /** Presses a button of a message, as Slack's client would: signed, to the gateway. */
  click(gatewayUrl: string, click: Click): Promise<Response>;
  /** Presses a button of an open modal. */
  clickInView(gatewayUrl: string, click: PageClick): Promise<Response>;
  /** Sends a slash command. */
  command(gatewayUrl: string, command: { userId: string; text?: string; fields?: Fields }): Promise<Response>;
  /** What Slack would send, for another way in. */
  payloads: Payloads;
  /** Submits an open modal. */
  submit(gatewayUrl: string, submission: Submission): Promise<Response>;
  /** Sends any payload, properly signed. */
  send(gatewayUrl: string, payload: unknown): Promise<Response>;
  stop(): Promise<void>;
}

export async function startFakeSlack(options: FakeSlackOptions): Promise<FakeSlack> {
  const state = createSlackState(options);
  const { apiUrl, calls, asked, failNext, failAll, stop } = await serveApi(state, options);
  const sendForm = (url: string, body: string): Promise<Response> => {
    const timestamp = Math.floor(options.clock() / 1000);
    return fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(timestamp),
        'x-slack-signature': slackSignature(options.signingSecret, timestamp, body),
      },
      body,
    });
  };
  const send: FakeSlack['send'] = (gatewayUrl, payload) =>
    sendForm(`${gatewayUrl}/slack/interactions`, payloadForm(payload));
  const payloads = createPayloads(state, options);
  return {
    apiUrl,
    state,
    calls,
    asked,
    failNext,
    failAll,
    send,
    payloads,
    click: (gatewayUrl, click) => send(gatewayUrl, payloads.click(click)),
    clickInView: (gatewayUrl, click) => send(gatewayUrl, payloads.pageClick(click)),
    command: (gatewayUrl, command) =>
      sendForm(
        `${gatewayUrl}/slack/commands`,
        new URLSearchParams(payloads.command(command) as Record<string, string>).toString(),
      ),
    submit: (gatewayUrl, submission) => send(gatewayUrl, payloads.submission(submission)),
    stop,
  };
}

async function serveApi(
  state: SlackState,
  { botToken, socket }: FakeSlackOptions,
): Promise<Pick<FakeSlack, 'apiUrl' | 'calls' | 'asked' | 'failNext' | 'failAll' | 'stop'>> {
  const faults = new Map<string, Fault[]>();
  let everywhere: Fault | null = null;
  const calls: string[] = [];
  const asked = new Map<string, number>();
  const answerTo = (method: string, form: Record<string, string>, authorization: string | undefined): Answer => {
    if (method === 'apps.connections.open' && socket !== undefined)
      return authorization === `Bearer ${socket.appToken}` ? socket.open() : { ok: false, error: 'invalid_auth' };
    return authorization === `Bearer ${botToken}` ? state.call(method, form) : { ok: false, error: 'invalid_auth' };
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const method = (request.url ?? '').replace('/api/', '');
    asked.set(method, (asked.get(method) ?? 0) + 1);
    const form = Object.fromEntries(new URLSearchParams(await readText(request)));
    const fault = faults.get(method)?.shift() ?? everywhere;
    if (fault === 'drop_request') return void request.socket.destroy();
    if (typeof fault === 'object' && fault !== null && 'hold' in fault) await fault.hold(method, form);
    else if (typeof fault === 'object' && fault !== null)
      return void response.writeHead(fault.status, fault.headers).end(fault.body ?? '');
    const answer = answerTo(method, form, request.headers.authorization);
    calls.push(method);
    if (fault === 'lose_answer') return void request.socket.destroy();
    if ('retryAfterSeconds' in answer) {
      return void response.writeHead(429, { 'retry-after': String(answer.retryAfterSeconds) }).end();
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  };
  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    apiUrl: `http://127.0.0.1:${String(port)}/api/`,
    calls,
    asked: (method) => asked.get(method) ?? 0,
    failNext: (method, fault) => void faults.set(method, [...(faults.get(method) ?? []), fault]),
    failAll: (fault) => void (everywhere = fault),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Payloads {
  click(click: Click): Fields;
  pageClick(click: PageClick): Fields;
  command(command: { userId: string; text?: string; fields?: Fields }): Fields;
  submission(submission: Submission): Fields;
}

/** What Slack's client would send, made from what Slack shows. */
function createPayloads(state: SlackState, { teamId, appId, clock }: FakeSlackOptions): Payloads {
  let clicks = 0;
  const envelope = (userId: string): Fields => ({
    team: { id: teamId, domain: 'example' },
    api_app_id: appId,
    user: {
      id: userId,
      username: userId.toLowerCase(),
      name: userId.toLowerCase(),
      team_id: state.user(userId)['team_id'],
    },
    trigger_id: state.trigger(),
  });
  return {
    click({ conversation, ts, button, userId }) {
      const message = state.message(conversation, ts);
      const pressed = state.button(message, button);
      clicks += 1;
      return {
        type: 'block_actions',
        ...envelope(userId),
        container: { type: 'message', message_ts: ts, channel_id: conversation, is_ephemeral: false },
        channel: { id: conversation, name: 'approvals' },
        message: { type: 'message', ts, blocks: message.blocks },
        response_url: 'https://hooks.slack.com/actions/unused',
        actions: [
          {
            ...pressed,
            block_id: 'b1',
            action_ts: `${String(Math.floor(clock() / 1000))}.${String(clicks).padStart(6, '0')}`,
          },
        ],
      };
    },
    pageClick({ viewId, button, userId }) {
      const view = state.view(viewId);
      const pressed = state.button(view as { blocks: Fields[] }, button);
      clicks += 1;
      return {
        type: 'block_actions',
        ...envelope(userId),
        container: { type: 'view', view_id: viewId },
        view: { ...view, team_id: teamId, app_id: appId, state: { values: {} } },
        actions: [
          {
            ...pressed,
            block_id: 'b1',
            action_ts: `${String(Math.floor(clock() / 1000))}.${String(clicks).padStart(6, '0')}`,
          },
        ],
      };
    },
    command: ({ userId, text = '', fields = {} }) => ({
      token: 'unused',
      team_id: teamId,
      team_domain: 'example',
      channel_id: 'C0ANY',
      channel_name: 'any',
      user_id: userId,
      user_name: userId.toLowerCase(),
      command: '/countersign',
      text,
      api_app_id: appId,
      is_enterprise_install: 'false',
      response_url: 'https://hooks.slack.com/commands/unused',
      trigger_id: state.trigger(),
      ...fields,
    }),
    submission({ viewId, userId, reason }) {
      const view = state.view(viewId);
      const [input] = view['blocks'] as { block_id: string; element: { action_id: string } }[];
      if (input === undefined) throw new Error('the modal has no input');
      const values = { [input.block_id]: { [input.element.action_id]: { type: 'plain_text_input', value: reason } } };
      return {
        type: 'view_submission',
        ...envelope(userId),
        view: { ...view, id: viewId, team_id: teamId, app_id: appId, state: { values } },
      };
    },
  };
}
