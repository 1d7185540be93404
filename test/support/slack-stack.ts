import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { bundleDigest } from '../../src/policy/bundle-files.js';
import type { Fields } from '../fakes/slack/block-kit.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import type { FakeMessage } from '../fakes/slack/slack-state.js';
import { until } from './until.js';
import { startStack, type Stack } from './stack.js';

/** A whole Countersign whose people sit in a Slack workspace. */
export interface SlackStack {
  stack: Stack;
  slack: FakeSlack;
  /** The message that shows an action, once there is one; there must never be two. */
  message(actionId: string): FakeMessage | undefined;
  /** Waits until the message shows this (`.` is any character); gives it as it then is. */
  shown(actionId: string, text: string | RegExp): Promise<FakeMessage>;
  /** Waits until the message waits for decisions and the gateway knows that it is ours. */
  opened(actionId: string): Promise<FakeMessage>;
  click(message: FakeMessage, button: 'approve' | 'deny', userId: string): Promise<void>;
  /** Presses Deny, writes the reason into the modal that opens and submits it; gives the answer to the modal. */
  deny(message: FakeMessage, reason: string, userId: string): Promise<unknown>;
  /** What a person was told by lines that only they see, oldest first. */
  toldTo(userId: string): string[];
  stopWorker(): Promise<void>;
  startWorker(): Promise<void>;
  close(): Promise<void>;
}

export const CHANNEL = 'C0000001';

/** The example directory's Slack users. */
export const SLACK_USERS = {
  ben: 'U0000002',
  carol: 'U0000003',
  erin: 'U0000005',
  olivia: 'U0000006',
  oliviaAdmin: 'U0000007',
} as const;

const TEAM = 'T0000001';
const APP = 'A0000001';
const TOKEN = 'xoxb-000000000000-test';
const SIGNING_SECRET = '0123456789abcdef0123456789abcdef';
const WAIT_MS = 30_000;

/** @param more further settings of worker, notary and gateway. */
export async function startSlackStack(more: Record<string, string> = {}): Promise<SlackStack> {
  const slack = await startFakeSlack({
    teamId: TEAM,
    appId: APP,
    conversations: [CHANNEL],
    signingSecret: SIGNING_SECRET,
    botToken: TOKEN,
    clock: Date.now,
  });
  for (const userId of Object.values(SLACK_USERS)) slack.state.setUser(userId, {});
  const posting = {
    ...more,
    COUNTERSIGN_SLACK_BOT_TOKEN: TOKEN,
    COUNTERSIGN_SLACK_TEAM_ID: TEAM,
    COUNTERSIGN_SLACK_CHANNEL: CHANNEL,
    COUNTERSIGN_SLACK_API_URL: slack.apiUrl,
    COUNTERSIGN_SLACK_DIGEST_SECONDS: '1',
  };
  const clicks = { COUNTERSIGN_SLACK_APP_ID: APP, COUNTERSIGN_SLACK_SIGNING_SECRET: SIGNING_SECRET };
  const extra: Record<'worker' | 'notary' | 'executor' | 'gateway', Record<string, string>> = {
    worker: { ...posting },
    notary: { ...posting },
    executor: {},
    gateway: { ...posting, ...clicks },
  };
  const stack = await startStack({ processes: [], extra });
  const impatient = await writeImpatientPolicy(stack.place.policyDir);
  for (const settings of Object.values(extra)) Object.assign(settings, impatient);
  let [worker] = await Promise.all([
    stack.start('worker'),
    stack.start('executor'),
    stack.start('notary'),
    stack.start('gateway'),
  ]);
  const look = eyes(slack);
  return {
    stack,
    slack,
    ...look,
    async opened(actionId) {
      const message = await look.shown(actionId, 'Approval needed');
      await until(() => isNoted(stack, actionId));
      return message;
    },
    ...hands(slack, stack),
    stopWorker: () => worker.stop(),
    startWorker: async () => void (worker = await stack.start('worker')),
    async close() {
      await stack.close();
      await slack.stop();
    },
  };
}

/** The example's policy, but what exports everybody's personal data reminds after one second and escalates after four. */
async function writeImpatientPolicy(policyDir: string): Promise<Record<string, string>> {
  const folder = `${policyDir}-impatient`;
  await cp(policyDir, folder, { recursive: true });
  const file = join(folder, 'database-export.cedar');
  const before = await readFile(file, 'utf8');
  const after = [
    ['@escalate("30m:security-oncall")\n@remind("10m")', '@escalate("4s:security-oncall")\n@remind("1s")'],
    // The permit for all exports would else hold back the escalation.
    [
      'resource in Environment::"production"\n);',
      'resource in Environment::"production"\n)\nunless { context.flags.containsAll(["personal_data", "no_where"]) };',
    ],
  ].reduce((text, [from = '', to = '']) => {
    if (text.split(from).length !== 2) throw new Error(`the example policy does not hold once: ${from}`);
    return text.replace(from, to);
  }, before);
  await writeFile(file, after);
  return { COUNTERSIGN_POLICY_DIR: folder, COUNTERSIGN_POLICY_DIGEST: await bundleDigest(folder) };
}

async function isNoted({ installation }: Stack, actionId: string): Promise<boolean> {
  return installation.inRecord(async (client) => {
    const { rowCount } = await client.query(
      `select 1 from countersign.channel_messages where channel_name = 'slack' and subject = $1 and slot = 'message' and state = 'posted'`,
      [actionId],
    );
    return rowCount === 1;
  });
}

function eyes(slack: FakeSlack): Pick<SlackStack, 'message' | 'shown' | 'toldTo'> {
  const message: SlackStack['message'] = (actionId) => {
    const [found, ...more] = slack.state.messages(CHANNEL).filter((one) => actionOf(one) === actionId);
    if (more.length > 0) throw new Error(`${String(more.length + 1)} messages show ${actionId}`);
    return found;
  };
  return {
    message,
    shown: (actionId, text) =>
      waitFor(
        () => {
          const found = message(actionId);
          const isThere = found !== undefined && new RegExp(text, 's').test(textOf(found));
          return isThere ? structuredClone(found) : undefined;
        },
        () => textOf(message(actionId) ?? { blocks: [{ text: 'no message' }] }),
      ),
    toldTo: (userId) => slack.state.ephemerals.filter((line) => line.userId === userId).map(({ text }) => text),
  };
}

function hands(slack: FakeSlack, { gatewayUrl }: Stack): Pick<SlackStack, 'click' | 'deny'> {
  const click: SlackStack['click'] = async ({ ts }, button, userId) => {
    const answer = await slack.click(gatewayUrl, {
      conversation: CHANNEL,
      ts,
      button: `countersign_${button}`,
      userId,
    });
    if (answer.status !== 200) throw new Error(`the gateway answered a click with ${String(answer.status)}`);
  };
  return {
    click,
    async deny(message, reason, userId) {
      const before = slack.state.views().length;
      await click(message, 'deny', userId);
      const viewId = await waitFor(
        () => slack.state.views()[before],
        () => 'no modal opened',
      );
      return (await slack.submit(gatewayUrl, { viewId, userId, reason })).json();
    },
  };
}

/** All text of a message's blocks, in order. */
export function textOf({ blocks }: Pick<FakeMessage, 'blocks'>): string {
  return nodesOf(blocks)
    .map((node) => (typeof node['text'] === 'string' ? node['text'] : ''))
    .join('');
}

/** Every object inside, whatever it is nested in. */
export function nodesOf(value: unknown): Fields[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap(nodesOf);
  return Array.isArray(value) ? inner : [value as Fields, ...inner];
}

function actionOf({ metadata }: FakeMessage): unknown {
  const { event_type: type, event_payload: payload } = (metadata ?? {}) as {
    event_type?: string;
    event_payload?: { action_id?: string };
  };
  return type === 'countersign_action' ? payload?.action_id : undefined;
}

export async function waitFor<T>(look: () => T | undefined, otherwise: () => string): Promise<T> {
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`still: ${otherwise()}`);
    await setTimeout(50);
  }
}
