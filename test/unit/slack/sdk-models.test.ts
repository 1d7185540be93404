import { execFile } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { locateSlackSdk } from '../../../apps/devstack/services/executables.js';
import { pagesOf } from '../../../src/channels/message/pages.js';
import { denyModal } from '../../../src/channels/slack/deny-modal.js';
import { noticeModal, pageModal } from '../../../src/channels/slack/read-modal.js';
import { renderAction, renderNotice } from '../../../src/channels/slack/render.js';
import { inWords, listMessage } from '../../../src/channels/slack/waiting-list.js';
import { Secret } from '../../../src/core/secret.js';
import { exportView, grantView, sshView, vaultPolicyView } from '../rendering/operation-views.js';
import { planViewForPeople } from '../rendering/plan-views.js';
import { policyViewForPeople } from '../rendering/policy-views.js';
import {
  ACTION_DIGEST,
  ACTION_ID,
  decisionOf,
  directory,
  doneView,
  HOSTILE,
  LOG,
  OPENED_AT_MS,
  PUBLIC_URL,
  slackIds,
  waitingView,
} from './views.js';

const check = fileURLToPath(new URL('../../../scripts/verifiers/check_blocks.py', import.meta.url));
const context = { directory, publicUrl: PUBLIC_URL, log: LOG };
const long = exportView(`select ${'x, '.repeat(10_000)} 1`);
const base = waitingView();

const actions = {
  'an export': base,
  'one decided': waitingView({
    decisions: [decisionOf('ada', 'approve', HOSTILE)],
    escalated: [{ group: 'oncall', firedAtMs: 0 }],
  }),
  'one reopened': waitingView({
    round: 2,
    reopened: { code: 'effect_grew', message: HOSTILE, difference: null },
    request: { ...base.request, reason: HOSTILE, link: `https://${HOSTILE}`, replaces: ACTION_ID },
  }),
  'one done': doneView(),
  'one frozen for': doneView({
    outcome: { status: 'effect_mismatch', code: 'effect_mismatch', message: HOSTILE },
    incidents: [{ code: 'effect_larger_than_preview', severity: 'high', sentence: HOSTILE, openedAtMs: OPENED_AT_MS }],
    freeze: { agent: 'reporter', frozenAtMs: OPENED_AT_MS, lifted: null },
  }),
  'a long export': long,
  'a grant': grantView(),
  'a plan': planViewForPeople(),
  'a policy of AWS': policyViewForPeople(),
  'a policy of Vault': await vaultPolicyView(),
  'a command': sshView(),
};

interface Sent {
  name: string;
  blocks?: readonly unknown[];
  view?: object;
}

const pages = pagesOf(long, context);
const click = {
  ...{ kind: 'deny' as const, actionId: ACTION_ID, actionDigest: ACTION_DIGEST },
  ...{ conversation: slackIds.channel, messageTs: '1.1', clickTs: '1.2', triggerId: '1.2.3' },
  user: { teamId: slackIds.teamId, userId: 'U0ADA' },
};

/** All kinds of messages and forms that we send. */
const sent: Sent[] = [
  ...Object.entries(actions).flatMap(([name, view]) => [
    { name, blocks: renderAction(view, context).blocks },
    { name: `${name}, as a notice`, blocks: renderNotice(view, context).blocks },
  ]),
  ...pages.pages.map((_page, index) => ({
    name: `page ${String(index + 1)}`,
    view: pageModal(long, pages, { page: index + 1, metadata: '{}', publicUrl: PUBLIC_URL }),
  })),
  { name: 'a notice in a form', view: noticeModal(HOSTILE, PUBLIC_URL) },
  { name: 'the form that asks why', view: denyModal(click, new Secret('0'.repeat(32)), OPENED_AT_MS) },
  { name: 'what waits', blocks: listMessage({ views: Object.values(actions), isCut: true }, PUBLIC_URL).blocks },
  { name: 'an answer', blocks: inWords(HOSTILE).blocks },
];

async function faultsOf(all: readonly Sent[]): Promise<string[]> {
  const child = execFile('python3', [check], { env: { ...process.env, PYTHONPATH: locateSlackSdk() } });
  child.stdin?.end(JSON.stringify(all));
  const output = [child.stdout, child.stderr].map(async (stream) => (stream === null ? '' : text(stream)));
  const [said = '', complaint] = await Promise.all(output);
  expect(complaint).toBe('');
  return JSON.parse(said) as string[];
}

it("Slack's own SDK finds nothing wrong with any message or form of ours", async () => {
  expect(await faultsOf(sent)).toEqual([]);
});

it.each<[string, Omit<Sent, 'name'>, RegExp]>([
  [
    'a header that is too long',
    { blocks: [{ type: 'header', text: { type: 'plain_text', text: 'x'.repeat(151) } }] },
    /150/,
  ],
  ['a block of no kind', { blocks: [{ type: 'poll', text: 'x' }] }, /poll|kind/],
  ['a button without words', { blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'x' }] }] }, /./],
])('it would find %s', async (_name, bad, words) => {
  expect((await faultsOf([{ name: 'bad', ...bad }])).join('\n')).toMatch(words);
});
