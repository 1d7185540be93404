import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { ActionView } from '../../src/record/action-view.js';
import type { Fields } from '../fakes/slack/block-kit.js';
import type { Fault } from '../fakes/slack/fake-slack.js';
import type { FakeMessage } from '../fakes/slack/slack-state.js';
import { agentOf, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { anotherExport } from '../support/another-export.js';
import {
  CHANNEL,
  nodesOf,
  SLACK_USERS,
  startSlackStack,
  textOf,
  waitFor,
  type SlackStack,
} from '../support/slack-stack.js';

const { ben: BEN, carol: CAROL, erin: ERIN, olivia: OLIVIA, oliviaAdmin: OLIVIA_ADMIN } = SLACK_USERS;
const CLICKS = 6;
/** The impatient plan: a DBA and a data owner. */
const PERSONAL_EXPORT = {
  operation: 'database.export',
  get params() {
    return { target: 'orders', query: 'select name, email from customers', format: 'csv', ...anotherExport() };
  },
  reason: 'Newsletter',
};
const HOSTILE = '<!channel> <@U0000002> *b* [x](http://evil.example) <http://evil.example|x> \u202e _i_ `c`';

let office: SlackStack;
let agent: CountersignGateway;
let ben: PersonAtGateway;

beforeAll(async () => {
  office = await startSlackStack();
  agent = agentOf(office.stack);
  ben = await personAt(office.stack, 'ben');
});
afterEach(() => {
  office.slack.failAll(null);
});
afterAll(async () => {
  await office.close();
});

/** Requests an export and waits for its message. */
async function posted(request = PLAIN_EXPORT): Promise<{ actionId: string; message: FakeMessage }> {
  const { actionId } = await agent.request(request);
  return { actionId, message: await office.opened(actionId) };
}

function buttonsOf({ blocks }: FakeMessage): unknown[] {
  return nodesOf(blocks)
    .filter((node) => node['type'] === 'button')
    .map((node) => node['action_id']);
}

function decisionsOf({ decisions }: ActionView) {
  return decisions.map(({ person, decision, channel, reason }) => ({ person, decision, channel, reason }));
}

describe('a message in Slack', () => {
  it('shows what would run, who asks and why, the risks, what policy demands, until when', async () => {
    const { actionId, message } = await posted({ ...PERSONAL_EXPORT, reason: 'Newsletter of November' });
    const text = textOf(message);
    for (const expected of [
      'Approval needed: database.export on orders (production)',
      'Export bot (agent export-bot), owned by Olivia Ortiz',
      PERSONAL_EXPORT.params.query,
      'Newsletter of November',
      'personal_data',
      'no_where',
      'Needs 1 of data-owner and 1 of dba',
      'prod-export-personal-data of bundle 1',
      'Waiting for: 1 of data-owner and 1 of dba.',
      `<${office.stack.gatewayUrl}/view/${actionId}|Full view>`,
    ])
      expect(text).toContain(expected);
    expect(text).toMatch(/Expires <!date\^\d+\^/);
    expect(buttonsOf(message)).toEqual(['countersign_approve', 'countersign_deny']);
    await agent.withdraw(actionId, 'not needed');
    await office.shown(actionId, 'Withdrawn by the agent');
  });

  it('escalates in its thread, mentions whom it calls on, and reminds each of them directly', async () => {
    const { actionId, message } = await posted(PERSONAL_EXPORT);
    await office.click(message, 'approve', BEN);
    await office.shown(actionId, /Approved by.*Ben Berg/);
    const replies = (): string[] => office.slack.state.replies(CHANNEL, message.ts).map(({ text }) => text);
    const found = (text: RegExp): string | undefined => replies().find((reply) => text.test(reply));
    const escalation = await waitFor(
      () => found(/^Escalated to security-oncall/),
      () => replies().join('\n'),
    );
    expect(escalation).toContain(`<@${ERIN}> may fill an open place now`);
    expect(office.message(actionId)?.ts).toBe(message.ts);
    await office.shown(actionId, 'members of security-oncall may fill an open place too');
    const digests = (userId: string): string[] => office.slack.state.messages(`D${userId.slice(1)}`).map(textOf);
    await waitFor(
      () => digests(CAROL).find((text) => /waits? for you/.test(text) && text.includes(actionId)),
      () => digests(CAROL).join('\n'),
    );
    expect(digests(OLIVIA)).toEqual([]);
    const asked = replies().filter((reply) => reply.startsWith('Asked: '));
    expect(asked).toEqual([expect.stringContaining(`<@${CAROL}>`)]);
    expect(replies()).toContainEqual(expect.stringMatching(/^Approved by Ben Berg in slack, /));
    for (const reply of replies()) expect(reply).not.toMatch(new RegExp(`${OLIVIA}|${OLIVIA_ADMIN}`));
    expect(replies().filter((reply) => reply.startsWith('Escalated'))).toHaveLength(1);

    await office.click(office.message(actionId) ?? message, 'approve', ERIN);
    const end = await office.shown(actionId, 'Done: database.export');
    expect(textOf(end)).toContain('approved by Ben Berg and Erin Eze');
    await waitFor(
      () => found(/^✅ Done: database.export/),
      () => replies().join('\n'),
    );
    expect(new Set(replies()).size).toBe(replies().length);
  });

  it('lets nothing of what an agent or an approver writes come alive', async () => {
    const query = `select id, '${HOSTILE.replace('\u202e', '')}' as note from orders where id < 3`;
    const { actionId, message } = await posted({
      operation: 'database.export',
      params: { target: 'orders', query, format: 'csv' },
      reason: HOSTILE,
      logs: `one\n${HOSTILE}\n\u001b[31mred`,
    } as unknown as typeof PLAIN_EXPORT);
    expectLifeless(message, 3);
    expect(await office.deny(message, HOSTILE, BEN)).toEqual({ response_action: 'clear' });
    expectLifeless(await office.shown(actionId, 'Denied: database.export.*Outcome: '), 4);
  });
});

/** The click as Slack would send it now, for later. */
function clickOn({ ts }: FakeMessage, userId: string): Fields {
  return office.slack.payloads.click({ conversation: CHANNEL, ts, button: 'countersign_approve', userId });
}

/** The hostile text is there so often, each time as literal text, and nothing in the message is a mention or a foreign link. */
function expectLifeless(message: FakeMessage, times: number): void {
  const literal = nodesOf(message.blocks).filter(
    ({ type, text }) => type === 'text' && typeof text === 'string' && text.includes('<!channel> <@U0000002> *b*'),
  );
  expect(literal.length).toBeGreaterThanOrEqual(times);
  const outside = nodesOf(message.blocks).filter(({ type }) => type !== 'text');
  for (const { type, text, url } of outside) {
    expect([
      'header',
      'rich_text',
      'rich_text_section',
      'rich_text_quote',
      'rich_text_preformatted',
      'rich_text_list',
      'actions',
      'button',
      'context',
      'mrkdwn',
      'plain_text',
      'emoji',
      'date',
      'link',
      undefined,
    ]).toContain(type);
    if (typeof text === 'string') expect(text).not.toMatch(/<!channel|<@|evil/);
    if (typeof url === 'string') expect(url.startsWith(office.stack.gatewayUrl)).toBe(true);
  }
  expect(message.text).not.toMatch(/<!channel|<@|evil/);
  const json = JSON.stringify(message);
  expect(json).not.toContain('\u202e');
  expect(json).not.toContain('\\u001b');
}

describe('Approve', () => {
  it.each([
    ['the owner', OLIVIA],
    ['the owner by an alias who is a DBA', OLIVIA_ADMIN],
  ])('of %s is refused to that person only, is on record, and changes nothing', async (_name, userId) => {
    const { actionId, message } = await posted();
    const before = office.toldTo(userId).length;
    await office.click(message, 'approve', userId);
    const line = await waitFor(
      () => office.toldTo(userId)[before],
      () => 'nothing told',
    );
    expect(line).toMatch(/^Not counted: You may not decide on this: /);
    const view = await agent.get(actionId);
    expect(view).toMatchObject({ state: 'waiting', decisions: [] });
    expect(view.refusals).toMatchObject([{ code: 'self_approval', who: 'person/olivia' }]);
    expect(office.message(actionId)).toEqual(message);
    await agent.withdraw(actionId, 'not needed');
  });

  it.each<[string, (value: string) => string, string, RegExp]>([
    ['of somebody in no group that is asked', (value) => value, ERIN, /^Not counted: You are in none of the groups/],
    [
      'of another version of the action',
      (value) => value.replace(/[0-9a-f]{64}$/, 'ab'.repeat(32)),
      BEN,
      /^Not counted: You were shown another version/,
    ],
    [
      'of an action that is not there',
      (value) => value.replace(/^.{26}/, '01K9ZZZZZZ0000000000000002'),
      BEN,
      /^Not counted: Countersign has not yet noted where the message/,
    ],
  ])('%s is refused to that person only, and changes nothing', async (_name, alter, userId, words) => {
    const { actionId, message } = await posted();
    const before = office.toldTo(userId).length;
    const click = clickOn(message, userId);
    const [action] = click['actions'] as Fields[];
    await office.slack.send(office.stack.gatewayUrl, {
      ...click,
      actions: [{ ...action, value: alter(String(action?.['value'])) }],
    });
    const told = await waitFor(
      () => office.toldTo(userId)[before],
      () => 'nothing told',
    );
    expect(told).toMatch(words);
    expect(await agent.get(actionId)).toMatchObject({ state: 'waiting', decisions: [] });
    expect(office.message(actionId)?.blocks).toEqual(message.blocks);
    await agent.withdraw(actionId, 'not needed');
  });

  it.each<[string, number]>([
    ['decided', 60_000],
    ['expired', 3_000],
  ])('of an action that is %s is refused, by the button as it was', async (how, lifetimeMs) => {
    const { actionId, message } = await posted({ ...PLAIN_EXPORT, lifetimeMs } as typeof PLAIN_EXPORT);
    const late = clickOn(message, CAROL);
    if (how === 'decided') await office.deny(message, 'no', BEN);
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    const before = office.toldTo(CAROL).length;
    await office.slack.send(office.stack.gatewayUrl, late);
    const told = await waitFor(
      () => office.toldTo(CAROL)[before],
      () => 'nothing told',
    );
    expect(told).toMatch(/^Not counted: /);
    expect(await agent.get(actionId)).toMatchObject({
      state: 'done',
      decisions: done.decisions,
      outcome: done.outcome,
    });
  });

  it('of a DBA runs it, and the message tells the end of the story', async () => {
    const { actionId, message } = await posted();
    await office.click(message, 'approve', BEN);
    const decided = await office.shown(actionId, /Approved by .*Ben Berg/);
    expect(decided.ts).toBe(message.ts);
    expect(buttonsOf(decided)).toEqual([]);
    // Our own words hold nothing invisible.
    expect(textOf(decided)).not.toContain('⟨');
    const end = await office.shown(actionId, 'Done: database.export on orders');
    expect(end.ts).toBe(message.ts);
    expect(buttonsOf(end)).toEqual([]);
    const text = textOf(end);
    for (const expected of [
      'Asked by Export bot, approved by Ben Berg.',
      'rows: 200',
      'Lease: revoked, and its end proven by',
      'in slack',
    ])
      expect(text).toContain(expected);
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done).toMatchObject({ lease: 'revoked', outcome: { status: 'succeeded' } });
    expect(decisionsOf(done)).toEqual([{ person: 'ben', decision: 'approve', channel: 'slack', reason: '' }]);
    expect(office.toldTo(BEN).at(-1)).toContain('it was the last one needed');
  });

  it('clicked many times at once is one decision', async () => {
    const { actionId, message } = await posted();
    const before = office.toldTo(BEN).length;
    await Promise.all(Array.from({ length: CLICKS }, () => office.click(message, 'approve', BEN)));
    await office.shown(actionId, 'Done: database.export');
    await waitFor(
      () => office.toldTo(BEN)[before + CLICKS - 1],
      () => office.toldTo(BEN).join('\n'),
    );
    expect(decisionsOf(await agent.get(actionId))).toEqual([
      { person: 'ben', decision: 'approve', channel: 'slack', reason: '' },
    ]);
    expect(textOf(await office.shown(actionId, 'Done')).match(/Ben Berg/g)).toHaveLength(2);
  });
});

describe('Deny', () => {
  it('asks why in a modal, and the reason is on record and in the message', async () => {
    const { actionId, message } = await posted();
    expect(await office.deny(message, 'Ask for fewer columns.', BEN)).toEqual({ response_action: 'clear' });
    const end = await office.shown(actionId, 'Denied: database.export.*denied by Ben Berg');
    expect(textOf(end)).toContain('“Ask for fewer columns.”');
    expect(textOf(end)).toContain('no credential was ever leased to run it');
    expect(end.ts).toBe(message.ts);
    expect(buttonsOf(end)).toEqual([]);
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done.outcome).toMatchObject({ status: 'denied', code: 'denied_by_person' });
    expect(decisionsOf(done)).toEqual([
      { person: 'ben', decision: 'deny', channel: 'slack', reason: 'Ask for fewer columns.' },
    ]);
  });

  it('of the owner is refused in the modal', async () => {
    const { actionId, message } = await posted();
    expect(await office.deny(message, 'mine', OLIVIA)).toMatchObject({ response_action: 'errors' });
    expect(await agent.get(actionId)).toMatchObject({ state: 'waiting', refusals: [{ code: 'self_approval' }] });
    await agent.withdraw(actionId, 'not needed');
  });
});

describe('when Slack', () => {
  it.each<[string, Fault]>([
    ['answers 503', { status: 503 }],
    ['breaks connections', 'drop_request'],
    ['does the work but its answers are lost', 'lose_answer'],
    ['limits the rate', { status: 429, headers: { 'retry-after': '1' } }],
  ])('%s while an action opens, people decide elsewhere, and one message shows the end', async (_name, fault) => {
    office.slack.failAll(fault);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');
    expect(await ben.decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    const done = await until(agent, actionId, ({ state }) => state === 'done');
    expect(done).toMatchObject({ lease: 'revoked', outcome: { status: 'succeeded' } });
    office.slack.failAll(null);
    const end = await office.shown(actionId, 'Done: database.export.*approved by Ben Berg');
    expect(buttonsOf(end)).toEqual([]);
    await office.stack.client.workflow.getHandle(workflowIdOf(actionId)).result();
    expect(office.message(actionId)).toBeDefined();
  });

  it('takes an update late, the later end of the story stands', async () => {
    const { actionId, message } = await posted(PERSONAL_EXPORT);
    let arrived = false;
    let letThrough = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      letThrough = resolve;
    });
    office.slack.failAll({
      async hold(method, { ts }) {
        if (arrived || method !== 'chat.update' || ts !== message.ts) return;
        arrived = true;
        await released;
      },
    });
    await office.click(message, 'approve', BEN);
    await waitFor(
      () => (arrived ? true : undefined),
      () => 'no update came',
    );
    await office.click(message, 'approve', CAROL);
    const end = await office.shown(actionId, 'Done: database.export');
    await office.stack.client.workflow.getHandle(workflowIdOf(actionId)).result();
    letThrough();
    // The late one, and the one that puts it right.
    await waitFor(
      () => ((office.message(actionId)?.updates ?? 0) >= end.updates + 2 ? true : undefined),
      () => textOf(office.message(actionId) ?? message),
    );
    expect(textOf(await office.shown(actionId, 'Done: database.export'))).toBe(textOf(end));
  });
});

describe('a worker that is restarted between post and update', () => {
  it('updates the same message', async () => {
    const { actionId, message } = await posted();
    await office.stopWorker();
    await office.startWorker();
    await office.click(message, 'approve', BEN);
    const end = await office.shown(actionId, 'Done: database.export');
    expect(end.ts).toBe(message.ts);
  });
});
