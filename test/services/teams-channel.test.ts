import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createConversationStore } from '../../src/channels/teams/conversation-store.js';
import type { TeamsApi } from '../../src/channels/teams/teams-api.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import { ServiceFault } from '../../src/core/errors.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { objectsIn, textOf, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { makeChannel, startTeams, transportOf, type WorkerChanges } from '../fakes/teams/teams-gateway.js';
import { ACTION_ID, decisionOf, doneView, planOf, timeline, waitingView } from '../unit/slack/views.js';
import { ACCOUNTS, ADA, BO, directory, teamsIds } from '../unit/teams/views.js';
import { createDirectory } from '../../src/directory/create-directory.js';

const DI = ACCOUNTS['di'] ?? '';
const OTHER_ACTION = '01K9ZZZZZZ0000000000000002';
const { channel: CHANNEL, fallback: FALLBACK, tenantId } = teamsIds;
let database: MessageDatabase;
let teams: FakeTeams;
let api: TeamsApi;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate countersign.channel_messages, countersign.teams_conversations');
  teams = await startTeams({ limitsPosts: true });
  api = await openTeamsApi(transportOf(teams));
});
afterEach(() => teams.stop());

const make = (changes?: WorkerChanges) => makeChannel(api, teams, database.pool, changes);
const shown = (conversation: string = CHANNEL): string[] =>
  teams.state.messages(conversation).map(({ card }) => textOf(card));
const decided = () => waitingView({ decisions: [decisionOf('ada', 'approve', '')], timeline: timeline(4) });

describe('an action in Teams', () => {
  it('is one message: posted once, then updated at every change up to the end', async () => {
    const channel = make();
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('decided', decided(), 2);
    await channel.announce('concluded', doneView(), 0);
    expect(shown()).toHaveLength(1);
    const [message] = teams.state.messages(CHANNEL);
    const text = textOf(message?.card ?? {});
    for (const words of [
      'Done: database.export',
      'approved by Ada Fischer',
      'Checked with legal.',
      '2026-11-22 12:01 UTC',
    ])
      expect(text).toContain(words);
    expect(objectsIn(message?.card).filter(({ type }) => type === 'Action.Execute')).toEqual([]);
    expect(message?.summary).toContain('Done: database.export');
  });

  it('has whom it asks in its thread, mentioned once; reminders mention nobody', async () => {
    const channel = make();
    await channel.announce('opened', waitingView(), 1);
    const escalated = waitingView({ escalated: [{ group: 'oncall', firedAtMs: 1 }], timeline: timeline(4) });
    await channel.announce('escalated', escalated, 2);
    for (const number of [3, 3, 4]) await channel.announce('reminded', escalated, number);
    const [message] = teams.state.messages(CHANNEL);
    const replies = teams.state.replies(CHANNEL, message?.id ?? '');
    expect(replies.map(({ summary, mentions }) => [summary.split(/[:.,]/)[0], mentions.length])).toEqual([
      ['Asked', 2],
      ['Escalated to oncall', 1],
      ['Reminder', 0],
      ['Reminder', 0],
    ]);
    // Cy owns the agent: barred people are not called on.
    expect(replies[0]?.mentions).toEqual([ADA, BO]);
    expect(textOf(replies[0]?.card ?? {})).toContain('<at>Ada Fischer</at>');
  });

  it.each([
    ['who is on call, where that is known', ['ada'], [ADA]],
    ['all of the group, where nobody on call may decide', ['cy'], [ADA, BO]],
    ['all of the group, where nobody is known to be on call', [], [ADA, BO]],
  ])('calls on %s', async (_name, people, mentions) => {
    const onCall = { of: async () => ({ people, source: null, faults: [] }) };
    const escalated = waitingView({ escalated: [{ group: 'dba', firedAtMs: 1 }] });
    await make({ onCall }).announce('escalated', escalated, 1);
    const [message] = teams.state.messages(CHANNEL);
    const replies = teams.state.replies(CHANNEL, message?.id ?? '');
    expect(replies.map((reply) => reply.mentions)).toEqual([mentions, mentions]);
  });

  it('calls on who stands in, and not on who is away', async () => {
    const delegations = [{ from: 'ada', to: 'di', begins: '2020-01-01T00:00:00Z', ends: '2020-02-01T00:00:00Z' }];
    const entries = {
      people: directory.people(),
      groups: Object.fromEntries(directory.groups().map((group) => [group, directory.membersOf(group)])),
      agents: directory.agents(),
      delegations,
    };
    const during = { directory: createDirectory(entries), clock: () => Date.UTC(2020, 0, 15) };
    const after = { ...during, clock: () => Date.UTC(2020, 1, 1) };
    const plan = { ...planOf({ group: 'dba', quorum: 1 }), notify: ['default', 'direct'] };
    for (const account of Object.values(ACCOUNTS)) teams.state.setMember(account);
    await make(during).announce('opened', waitingView({ plan }), 1);
    await make(after).announce('opened', waitingView({ plan, actionId: OTHER_ACTION }), 1);
    const [first, second] = teams.state.messages(CHANNEL);
    const [mentioned] = teams.state.replies(CHANNEL, first?.id ?? '');
    expect(mentioned?.mentions).toEqual([BO, DI]);
    expect(teams.state.replies(CHANNEL, second?.id ?? '')[0]?.mentions).toEqual([ADA, BO]);
    const writtenTo = [ADA, BO, DI].map((account) => teams.state.messages(`a:${account}`).length);
    expect(writtenTo).toEqual([1, 2, 1]);
  });

  it('is not shown when nobody was asked', async () => {
    await make().announce('concluded', doneView({ plan: null }), 0);
    expect(shown()).toEqual([]);
  });

  it('is written to each who may decide where policy says so, and to nobody after the end', async () => {
    for (const account of [ADA, BO]) teams.state.setMember(account);
    const plan = waitingView().plan;
    if (plan === null) throw new Error('the view has a plan');
    const direct = { plan: { ...plan, notify: ['direct'] } };
    await make().announce('opened', waitingView(direct), 1);
    await make().announce('concluded', doneView(direct), 0);
    expect(shown()).toEqual([]);
    for (const account of [ADA, BO]) {
      expect(shown(`a:${account}`)).toHaveLength(1);
      expect(shown(`a:${account}`)[0]).toContain('Done: database.export');
    }
  });
});

describe('when Teams', () => {
  it('limits the rate, the wait that it names is passed on, and nothing is lost or doubled', async () => {
    teams.failNext({ status: 429, headers: { 'retry-after': '7' } });
    const channel = make();
    await expect(channel.announce('opened', waitingView(), 1)).rejects.toMatchObject({
      temporary: true,
      retryAfterMs: 7_000,
    });
    await channel.announce('opened', waitingView(), 1);
    expect(shown()).toHaveLength(1);
  });

  it.each<[string, Parameters<FakeTeams['failNext']>[0]]>([
    ['answers 502', { status: 502 }],
    ['answers 412', { status: 412 }],
    ['breaks the connection', 'drop_request'],
    ['does not accept the token', { status: 401 }],
  ])('%s, the post is repeated, and there is one message', async (_name, fault) => {
    teams.failNext(fault);
    const channel = make();
    await expect(channel.announce('opened', waitingView(), 1)).rejects.toMatchObject({
      service: 'teams',
      temporary: true,
    });
    await channel.announce('opened', waitingView(), 1);
    expect(shown()).toHaveLength(1);
  });

  it('does the work but its answer is lost, the next message is the one that is kept', async () => {
    teams.failNext('lose_answer');
    const channel = make();
    await expect(channel.announce('opened', waitingView(), 1)).rejects.toBeInstanceOf(ServiceFault);
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('concluded', doneView(), 0);
    // Teams cannot be asked for the first one.
    expect(shown().map((text) => text.split(':')[0])).toEqual(['🔏 Approval needed', '✅ Done']);
    const posted = await createMessageStore(database.pool).shown('teams', ACTION_ID, 'message');
    expect(posted).toEqual([{ slot: 'message', conversation: CHANNEL, ts: teams.state.messages(CHANNEL)[1]?.id }]);
  });

  it('cannot be reached at all, it is certain that nothing was posted', async () => {
    const channel = make();
    await teams.stop();
    await expect(channel.announce('opened', waitingView(), 1)).rejects.toMatchObject({
      kind: 'refused',
      temporary: true,
    });
    const { rows } = await database.pool.query('select state from countersign.channel_messages');
    expect(rows).toEqual([{ state: 'absent' }]);
  });

  it('refuses the card, a notice with the link is posted, without Approve', async () => {
    teams.failNext({ status: 413 });
    await make().announce('opened', waitingView(), 1);
    const [message] = teams.state.messages(CHANNEL);
    expect(textOf(message?.card ?? {})).toContain('Not shown here.');
    expect(objectsIn(message?.card).map(({ verb }) => verb)).not.toContain('countersign.approve');
  });
});

describe('when', () => {
  it('the message was deleted, it is posted anew', async () => {
    const channel = make();
    await channel.announce('opened', waitingView(), 1);
    teams.state.removeMessage(CHANNEL, teams.state.messages(CHANNEL)[0]?.id ?? '');
    await channel.announce('decided', decided(), 2);
    expect(shown()).toHaveLength(1);
    expect(shown()[0]).toContain('Approved by Ada Fischer');
  });

  it.each<[string, 'removeConversation' | 'removeBot']>([
    ['the channel is gone', 'removeConversation'],
    ['the app was taken out of the team', 'removeBot'],
  ])(
    '%s, the fallback is used; without one the fault names the setting, and is no reason to wait',
    async (_name, remove) => {
      await make().announce('opened', waitingView(), 1);
      teams.state[remove](CHANNEL);
      await expect(make().announce('decided', decided(), 2)).rejects.toThrow('COUNTERSIGN_TEAMS_CONVERSATION');
      await expect(make().announce('decided', decided(), 2)).rejects.toMatchObject({ temporary: false });
      await make({ fallback: FALLBACK }).announce('decided', decided(), 2);
      expect(shown(FALLBACK)).toHaveLength(1);
    },
  );

  it('an older view comes late, it changes nothing', async () => {
    const channel = make();
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('concluded', doneView(), 0);
    await channel.announce('decided', decided(), 2);
    expect(shown()[0]).toContain('Done: database.export');
  });

  it('Teams has named another address for the conversation, that one is used, unless it is not on the list', async () => {
    const places = createConversationStore(database.pool);
    await places.note({ conversation: CHANNEL, tenantId, serviceUrl: teams.serviceUrl }, 2);
    await places.note({ conversation: CHANNEL, tenantId, serviceUrl: 'https://late.example/' }, 1);
    await make({ serviceUrl: `${teams.url}/nowhere/` }).announce('opened', waitingView(), 1);
    expect(shown()).toHaveLength(1);
    await places.note({ conversation: CHANNEL, tenantId, serviceUrl: 'https://elsewhere.example/' }, 3);
    await make().announce('decided', decided(), 2);
    expect(shown()[0]).toContain('Approved by Ada Fischer');
    await expect(
      api.post({ conversation: CHANNEL, serviceUrl: 'https://elsewhere.example/' }, message()),
    ).rejects.toThrow('not on the list of service URLs');
  });

  it('a gateway notes a conversation, it may; posting to it is for worker and notary', async () => {
    const rights = async (role: string): Promise<boolean[]> =>
      (
        await database.pool.query<{ may: boolean }>(
          `select has_table_privilege($1, 'countersign.teams_conversations', privilege) as may from unnest(array['select', 'insert', 'update', 'delete']) as privilege`,
          [role],
        )
      ).rows.map(({ may }) => may);
    const { gateway, worker, notary, executor } = database.roles;
    expect(await Promise.all([gateway, worker, notary, executor].map(rights))).toEqual([
      [true, true, true, false],
      [true, false, false, false],
      [true, false, false, false],
      [false, false, false, false],
    ]);
  });
});

function message() {
  return { summary: 'x', card: { ...EMPTY } };
}
const EMPTY = {
  type: 'AdaptiveCard',
  $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
  version: '1.5',
  fallbackText: '',
  msteams: { width: 'Full' },
  body: [],
  actions: [],
} as const as never as Parameters<TeamsApi['post']>[1]['card'];
