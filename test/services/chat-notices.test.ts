import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createAlarmPass } from '../../src/channels/alarm-pass.js';
import type { Channel } from '../../src/channels/channel.js';
import type { AlarmState } from '../../src/record/alarms.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { createSlackChannel } from '../../src/channels/slack/slack-channel.js';
import { openTeamsApi } from '../../src/channels/teams/transport.js';
import { Secret } from '../../src/core/secret.js';
import { startFakeSlack } from '../fakes/slack/fake-slack.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { digestsOf, NOBODY_ON_CALL, SILENT } from '../fakes/slack/slack-gateway.js';
import { textOf } from '../fakes/teams/fake-teams.js';
import { makeChannel, startTeamsGateway, transportOf } from '../fakes/teams/teams-gateway.js';
import { alarm, cleared, freeze, lifted, NOTICED_AT_MS } from '../unit/rendering/notices.js';
import { directory, PUBLIC_URL, slackIds } from '../unit/slack/views.js';
import { ADA, teamsIds } from '../unit/teams/views.js';

const DAY_MS = 86_400_000;

/** A chat with people who look at it, told of alarms and freezes. */
interface Chat {
  channel: Channel;
  /** As another process has it. */
  another(): Channel;
  failNext(fault: 'lose_answer'): void;
  failAll(fault: 'drop_request' | 'lose_answer' | { status: number } | null): void;
  /** Takes away the place for notices. */
  closeNotices(): void;
  /** And that for actions, where notices go otherwise. */
  closeAll(): void;
  /** How often it was asked for anything. */
  asked(): number;
  /** Removes everything that stands there. */
  removeAll(): void;
  /** Texts in the place for notices, and in that for actions, once somebody has looked. */
  shown(): Promise<{ notices: string[]; actions: string[] }>;
  stop(): Promise<void>;
}

let database: MessageDatabase;
let nowMs: number;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());

async function openSlack(): Promise<Chat> {
  const notices = slackIds.fallback;
  const slack = await startFakeSlack({
    ...slackIds,
    conversations: [slackIds.channel, notices],
    signingSecret: '0'.repeat(32),
    botToken: 'xoxb-test',
    clock: () => nowMs,
  });
  const config = { ...slackIds, fallbackChannel: null, noticeChannel: notices, publicUrl: PUBLIC_URL };
  const open = () =>
    createSlackChannel({
      api: createSlackApi({ botToken: new Secret('xoxb-test'), apiUrl: slack.apiUrl }),
      store: createMessageStore(database.pool),
      directory: () => directory,
      config,
      readLog: async () => null,
      onCall: NOBODY_ON_CALL,
      digests: digestsOf(database.pool),
      givenUp: async () => undefined,
      log: SILENT,
      pause: async () => undefined,
      clock: () => nowMs,
    });
  const textsIn = (where: string): string[] =>
    slack.state.messages(where).map(({ text, blocks }) => `${text} ${JSON.stringify(blocks)}`);
  return {
    channel: open(),
    another: open,
    failNext: (fault) => {
      slack.failNext('chat.postMessage', fault);
    },
    failAll: (fault) => {
      slack.failAll(fault);
    },
    closeNotices: () => {
      slack.state.archive(notices);
    },
    closeAll: () => {
      for (const place of [notices, slackIds.channel]) slack.state.archive(place);
    },
    asked: () => slack.calls.length,
    removeAll: () => {
      for (const { ts } of slack.state.messages(notices)) slack.state.remove(notices, ts);
    },
    shown: async () => ({ notices: textsIn(notices), actions: textsIn(slackIds.channel) }),
    stop: () => slack.stop(),
  };
}

async function openTeams(): Promise<Chat> {
  const gateway = await startTeamsGateway(database.pool);
  const { teams } = gateway;
  const notices = teamsIds.fallback;
  const api = await openTeamsApi(transportOf(teams));
  const open = () => makeChannel(api, teams, database.pool, { notices, clock: () => nowMs });
  const textsIn = (where: string): string[] =>
    teams.state.messages(where).map(({ summary, card }) => `${summary} ${textOf(card)}`);
  return {
    channel: open(),
    another: open,
    failNext: (fault) => {
      teams.failNext(fault);
    },
    failAll: (fault) => {
      teams.failAll(fault);
    },
    closeNotices: () => {
      teams.state.removeConversation(notices);
    },
    closeAll: () => {
      for (const place of [notices, teamsIds.channel]) teams.state.removeConversation(place);
    },
    asked: () => teams.calls.length,
    removeAll: () => {
      for (const { id } of teams.state.messages(notices)) teams.state.removeMessage(notices, id);
    },
    async shown() {
      for (const where of [notices, teamsIds.channel]) {
        const { seen } = await teams.look(gateway.url, where, ADA);
        // Whoever looks sees what everybody sees.
        expect(seen.map(({ card }) => textOf(card))).toEqual(
          teams.state.messages(where).map(({ card }) => textOf(card)),
        );
      }
      return { notices: textsIn(notices), actions: textsIn(teamsIds.channel) };
    },
    stop: () => gateway.stop(),
  };
}

describe.each([
  ['Slack', openSlack],
  ['Teams', openTeams],
])('%s', (_name, open) => {
  let chat: Chat;
  beforeEach(async () => {
    nowMs = NOTICED_AT_MS;
    await database.pool.query('truncate countersign.channel_messages');
    chat = await open();
  });
  afterEach(() => chat.stop());

  it('shows an alarm and a freeze once, whichever processes tell, and that they are over in the same messages', async () => {
    for (const channel of [chat.channel, chat.another()]) {
      await channel.alarmStands?.(alarm);
      await channel.freezeStands?.(freeze);
    }
    const standing = await chat.shown();
    expect(standing.actions).toEqual([]);
    expect(standing.notices).toHaveLength(2);
    expect(standing.notices[0]).toContain('Alarm, approvals are stopped: ledger_forked');
    expect(standing.notices[0]).toContain('Row 17 of the record');
    expect(standing.notices[1]).toContain('Frozen: agent reporter');
    for (const channel of [chat.another(), chat.channel]) {
      await channel.alarmCleared?.(cleared);
      await channel.freezeLifted?.(lifted);
      // A process that looks late changes nothing back.
      await channel.alarmStands?.(alarm);
    }
    const over = await chat.shown();
    expect(over.notices).toHaveLength(2);
    expect(over.notices[0]).toContain('Alarm cleared: ledger_forked');
    expect(over.notices[0]).toContain('A restore of Sunday, put right.');
    expect(over.notices[1]).toContain('Freeze lifted: agent reporter');
  });

  it('tells of what came and went within a day while it was away, and of nothing older', async () => {
    await chat.channel.alarmCleared?.(cleared);
    nowMs += DAY_MS;
    await chat.channel.freezeLifted?.(lifted);
    const { notices } = await chat.shown();
    expect(notices).toEqual([expect.stringContaining('✅ Alarm cleared: ')]);
  });

  it('is told in the place for actions when the one for notices is gone', async () => {
    chat.closeNotices();
    await chat.channel.alarmStands?.(alarm);
    const { actions } = await chat.shown();
    expect(actions).toHaveLength(1);
  });

  it('whose places are closed for good is asked once an hour, and nothing is logged in between', async () => {
    chat.closeAll();
    const record = { alarms: async () => [alarm] };
    const pass = createAlarmPass({ record, channels: [chat.channel], clock: () => nowMs });
    await expect(pass()).rejects.toMatchObject({ temporary: false });
    const asked = chat.asked();
    nowMs += 3_590_000;
    await pass();
    expect(chat.asked()).toBe(asked);
    nowMs += 10_000;
    await expect(pass()).rejects.toMatchObject({ temporary: false });
  });

  it('posts again what somebody removed while it stands', async () => {
    await chat.channel.alarmStands?.(alarm);
    chat.removeAll();
    await chat.another().alarmStands?.(alarm);
    expect((await chat.shown()).notices).toHaveLength(1);
  });

  it('that is down for an hour loses nothing and doubles nothing, also when the notary begins anew', async () => {
    const raised = new Map<string, AlarmState>();
    const record = { alarms: async () => [...raised.values()] };
    const made = () => createAlarmPass({ record, channels: [chat.another()], clock: () => nowMs });
    let pass = made();
    const passesFor = async (minutes: number): Promise<number> => {
      let failed = 0;
      for (let minute = 0; minute < minutes; minute += 1) {
        nowMs += 60_000;
        await pass().catch(() => (failed += 1));
      }
      return failed;
    };
    const raise = (digest: string): void => void raised.set(digest, { ...alarm, digest });
    const clear = (digest: string): void => void raised.set(digest, { ...cleared, digest });
    const [first, second] = ['a'.repeat(64), 'b'.repeat(64)];
    raise(first);
    // It goes through, unseen by us.
    chat.failNext('lose_answer');
    chat.failAll('drop_request');
    expect(await passesFor(15)).toBe(15);
    chat.failAll({ status: 503 });
    raise(second);
    pass = made();
    expect(await passesFor(15)).toBe(15);
    chat.failAll('lose_answer');
    expect(await passesFor(15)).toBe(15);
    clear(second);
    chat.failAll('drop_request');
    expect(await passesFor(15)).toBe(15);
    chat.failAll(null);
    expect(await passesFor(2)).toBe(0);
    pass = made();
    expect(await passesFor(2)).toBe(0);
    const { notices } = await chat.shown();
    expect(notices.map((text) => text.slice(0, 30)).sort()).toEqual([
      expect.stringContaining('✅ Alarm cleared'),
      expect.stringContaining('🚨 Alarm, approvals'),
    ]);
  });
});
