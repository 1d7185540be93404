import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { TeamsFault, type TeamsApi } from '../../src/channels/teams/teams-api.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import { openTeamsForEach } from '../fakes/teams/each-gateway.js';
import { textOf } from '../fakes/teams/fake-teams.js';
import { makeChannel, transportOf, type TeamsGateway } from '../fakes/teams/teams-gateway.js';
import type { Card, FakeTeamsMessage } from '../fakes/teams/teams-state.js';
import { decisionOf, doneView, planOf, timeline, waitingView } from '../unit/slack/views.js';
import { ACCOUNTS, ADA, BO, objectIdOf, STRANGER, teamsIds } from '../unit/teams/views.js';

const { channel: CHANNEL } = teamsIds;
const ASKED = [ADA, BO, ACCOUNTS['di'] ?? ''];
const DIRECT = ASKED.map((account) => `a:${account}`);
const OTHER_ACTION = '01K9ZZZZZZ0000000000000002';

let pool: pg.Pool;
let gateway: TeamsGateway;
let api: TeamsApi;

openTeamsForEach(async (opened, itsPool) => {
  gateway = opened;
  pool = itsPool;
  api = await openTeamsApi(transportOf(gateway.teams));
});

const look = (who = ADA, conversation: string = CHANNEL) => gateway.teams.look(gateway.url, conversation, who);
const headlines = (conversation: string = CHANNEL): string[] =>
  gateway.teams.state.messages(conversation).map(({ card }) => textOf(card).split(':')[0] ?? '');
const makeLost = (sql = "state = 'unclear', message_ts = null"): Promise<unknown> =>
  pool.query(`update countersign.channel_messages set ${sql} where slot = 'message'`);
const callsThatChange = (): string[] => gateway.teams.calls.filter((call) => !call.startsWith('GET'));

describe('whatever post loses its answer', () => {
  const plan = { ...planOf({ group: 'dba', quorum: 1 }), notify: ['default', 'direct'] };
  const escalated = waitingView({ plan, escalated: [{ group: 'oncall', firedAtMs: 1 }], timeline: timeline(4) });

  /** What stands in the end, by conversation and thread, without what differs from one message to the next. */
  const standing = (): string[] =>
    [CHANNEL, ...DIRECT]
      .flatMap((where) => gateway.teams.state.allIn(where).map((one) => [where, one] as const))
      .map(([where, { thread, summary }]) => `${where} ${thread === null ? '' : 'thread '}${summary}`)
      .sort();
  const announce = async (channel: Channel): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await channel.announce('reminded', escalated, 2);
        return;
      } catch (error) {
        if (attempt === 10 || !(error instanceof TeamsFault)) throw error;
      }
    }
  };
  const losing = (lost: number): { channel: Channel; posts: () => number } => {
    let posts = 0;
    const post: TeamsApi['post'] = async (...message) => {
      const address = await api.post(...message);
      posts += 1;
      if (posts === lost) throw new TeamsFault('unclear', 'Teams gave no answer.');
      return address;
    };
    const open = () => [escalated];
    return { channel: makeChannel({ ...api, post }, gateway.teams, pool, { open }), posts: () => posts };
  };

  it('stands there once when somebody has looked: card, direct card, line, digest', async () => {
    const undisturbed = losing(0);
    await announce(undisturbed.channel);
    const expected = standing();
    expect(expected.filter((one) => one.includes(' thread '))).toHaveLength(2);
    expect(expected.filter((one) => one.includes('waits for you'))).toHaveLength(3);
    for (let lost = 1; lost <= undisturbed.posts(); lost += 1) {
      await pool.query('truncate countersign.channel_messages, countersign.reminder_digests');
      for (const where of [CHANNEL, ...DIRECT])
        for (const { id } of gateway.teams.state.allIn(where)) gateway.teams.state.removeMessage(where, id);
      const { channel, posts } = losing(lost);
      await announce(channel);
      expect(posts()).toBe(undisturbed.posts() + 1);
      expect(standing(), `post ${String(lost)}`).toHaveLength(expected.length + 1);
      gateway.view = escalated;
      await look();
      for (const account of ASKED) await look(account, `a:${account}`);
      expect(standing(), `post ${String(lost)}`).toEqual(expected);
    }
    expect(gateway.decided).toEqual([]);
  });
});

describe('a look at a card', () => {
  let message: FakeTeamsMessage;
  beforeEach(async () => {
    message = await gateway.post();
  });

  /** A look that says something else than its card does. */
  function forged(over: object): Record<string, unknown> {
    const activity = structuredClone(gateway.teams.refresh(message, ADA)) as { value: { action: { data: object } } };
    Object.assign(activity.value.action.data, over);
    return { ...activity };
  }

  it('is answered with the action as it now is, changes nothing for anybody, and is not repeated', async () => {
    gateway.view = waitingView({ decisions: [decisionOf('ada', 'approve', '')], timeline: timeline(4) });
    const before = callsThatChange().length;
    const { seen, answers } = await look();
    expect(answers).toHaveLength(2);
    expect(answers[0]).toMatchObject({ statusCode: 200, type: 'application/vnd.microsoft.card.adaptive' });
    expect(textOf(seen[0]?.card ?? {})).toContain('Approved by Ada Fischer');
    expect(callsThatChange()).toHaveLength(before);
    expect(gateway.decided).toEqual([]);
  });

  it('of a line in the thread shows the line as it was posted, with its mentions', async () => {
    const { seen } = await look();
    const [line] = gateway.teams.state.replies(CHANNEL, message.id);
    const answered = seen.find(({ id }) => id === line?.id)?.card as Card;
    expect(textOf(answered)).toBe(textOf(line?.card ?? {}));
    expect(answered['msteams']).toEqual(line?.card['msteams']);
  });

  it('keeps the only one there is, without a second post, when its answer was lost', async () => {
    await makeLost();
    await look();
    await gateway.channel.announce('concluded', doneView(), 0);
    expect(headlines()).toEqual(['✅ Done']);
    expect(gateway.teams.state.messages(CHANNEL)[0]?.id).toBe(message.id);
  });

  it('while the answer to its post is still awaited keeps it: when that is lost, nothing is posted again', async () => {
    await makeLost("state = 'posting', message_ts = null");
    await Promise.all([look(ADA), look(BO)]);
    await gateway.post();
    expect(gateway.teams.state.messages(CHANNEL).map(({ id }) => id)).toEqual([message.id]);
  });

  it('at the first of two, while the second is being posted, leaves one', async () => {
    await makeLost();
    const slow = makeChannel(
      {
        ...api,
        async post(...args) {
          const address = await api.post(...args);
          await look();
          return address;
        },
      },
      gateway.teams,
      pool,
    );
    await slow.announce('decided', doneView(), 2);
    await look();
    expect(headlines()).toEqual(['✅ Done']);
  });

  it('takes away a second one, and one that nobody is asked by any more', async () => {
    await makeLost("state = 'absent', message_ts = null");
    const kept = await gateway.post();
    await look(BO);
    expect(gateway.teams.state.messages(CHANNEL).map(({ id }) => id)).toEqual([kept.id]);
    await makeLost("state = 'absent', message_ts = null");
    await look(BO);
    expect(headlines()).toEqual([]);
  });

  it('never takes away the one that is kept, even if Teams calls it by another name than when it was posted', async () => {
    const before = callsThatChange().length;
    await makeLost("message_ts = 'another name'");
    expect((await look()).answers[0]).toMatchObject({ type: 'application/vnd.microsoft.card.adaptive' });
    await makeLost("conversation = 'another'");
    expect(JSON.stringify((await look()).answers[0])).not.toContain('database.export');
    expect(callsThatChange()).toHaveLength(before);
    // Nor is it taken for another one, when a look comes before the answer to its post.
    await pool.query('truncate countersign.channel_messages');
    gateway.teams.state.removeMessage(CHANNEL, message.id);
    const renaming = makeChannel(
      {
        ...api,
        async post(...args) {
          const address = await api.post(...args);
          await look();
          return { ...address, ts: `1:${address.ts}` };
        },
      },
      gateway.teams,
      pool,
    );
    await renaming.announce('opened', waitingView(), 1);
    expect(headlines()).toHaveLength(1);
  });

  it('takes the buttons away where Teams lets no message be deleted', async () => {
    await makeLost("state = 'absent', message_ts = null");
    const kept = await gateway.post();
    gateway.teams.failNext({ status: 403 });
    await gateway.teams.send(gateway.url, gateway.teams.refresh(message, ADA));
    const [first, second] = gateway.teams.state.messages(CHANNEL);
    expect(textOf(first?.card ?? {})).toContain('posted twice');
    expect(JSON.stringify(first?.card)).not.toContain('Action.Execute');
    expect(second?.id).toBe(kept.id);
  });

  it('changes nothing when nothing is known of the message, and shows no action', async () => {
    await pool.query('truncate countersign.channel_messages');
    const { answers } = await look();
    expect(JSON.stringify(answers)).not.toContain('database.export');
    expect(headlines()).toHaveLength(1);
  });

  it.each([
    ['another action', { subject: OTHER_ACTION }],
    ['another message of its action', { slot: 'message/direct/ada' }],
  ])('that says it is about %s is refused, and shows and changes nothing', async (_name, over) => {
    await gateway.channel.announce('opened', waitingView({ actionId: OTHER_ACTION }), 1);
    const before = callsThatChange().length;
    const answer = (await (await gateway.teams.send(gateway.url, forged(over))).json()) as { value: unknown };
    expect(answer.value).toBe('This card could not be brought up to date.');
    expect(gateway.refused).toEqual([{ code: 'forbidden', who: `teams/${teamsIds.tenantId}/${ADA}` }]);
    expect(callsThatChange()).toHaveLength(before);
  });

  it.each<[string, object, object, number, string]>([
    ['at nothing', { subject: undefined }, {}, 400, 'activity_malformed'],
    ['at something unknown', { subject: 'lease/1' }, {}, 400, 'activity_malformed'],
    ['at an alarm without a digest', { subject: 'alarm/../x' }, {}, 400, 'activity_malformed'],
    ['in no slot', { slot: '' }, {}, 400, 'activity_malformed'],
    ['at no attempt', { attempt: undefined }, {}, 400, 'activity_malformed'],
    ['at an attempt that is no time', { attempt: '-1' }, {}, 400, 'activity_malformed'],
    ['in a slot too long', { slot: 'x'.repeat(201) }, {}, 400, 'activity_malformed'],
    ['at no message', {}, { replyToId: undefined }, 400, 'activity_malformed'],
    ['by nobody', {}, { from: { id: `29:${ADA}` } }, 403, 'sender_unproven'],
    ['from another tenant', {}, { channelData: { tenant: { id: teamsIds.otherTenantId } } }, 403, 'tenant_not_allowed'],
    ['of another invoke', {}, { name: 'composeExtension/query' }, 501, 'invoke_unsupported'],
  ])('%s is turned away before anything is read', async (_name, data, over, status, error) => {
    const before = gateway.teams.calls.length;
    const answer = await gateway.teams.send(gateway.url, { ...forged(data), ...over });
    expect([answer.status, await answer.json()]).toEqual([status, { error }]);
    expect(gateway.refused).toMatchObject([{ who: null }]);
    expect(gateway.teams.calls).toHaveLength(before);
  });

  it('by a stranger or a guest who sees the conversation decides nothing and shows what all see', async () => {
    const { seen } = await look(STRANGER);
    expect(textOf(seen[0]?.card ?? {})).toBe(textOf(message.card));
    expect([gateway.decided, gateway.refused]).toEqual([[], []]);
  });

  it('is not asked for once the action has ended', async () => {
    await gateway.channel.announce('concluded', doneView(), 0);
    gateway.view = doneView();
    const { answers } = await look();
    // The line in its thread.
    expect(answers).toHaveLength(1);
  });
});

describe('in a conversation of more than 60', () => {
  beforeEach(() => {
    for (let number = 100; number < 700; number += 1) gateway.teams.state.setMember(objectIdOf(number));
  });

  it('Teams asks for those who may decide, however far down the list of members they stand', async () => {
    const message = await gateway.post();
    const { refresh } = message.card as { refresh: { userIds: string[] } };
    expect(refresh.userIds).toEqual([`29:${ADA}`, `29:${BO}`]);
    expect(gateway.teams.state.isRefreshedFor(message, STRANGER)).toBe(false);
    await makeLost("state = 'absent', message_ts = null");
    await gateway.post();
    await look(STRANGER);
    expect(headlines()).toHaveLength(2);
    await look(BO);
    expect(headlines()).toHaveLength(1);
  });
});
