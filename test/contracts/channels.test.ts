import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalCode } from '../../src/core/errors.js';
import { personAt, until } from '../support/actors.js';
import { until as untilTrue } from '../support/until.js';
import { startOffice, type Office, type Who } from './channel-office.js';
import type { Attempt, Shown, StartedChannel } from './channel-subject.js';
import { findChannels } from './find-subjects.js';

const channels = [...(await findChannels())].map(([name, subject]) => ({ name, subject }));
const REASON_CHARS = 2_000;
const EXPIRES_AFTER_MS = 30_000;
const REASON = 'Ask for fewer columns. '.padEnd(REASON_CHARS, 'x');

/** What each channel is given to decide on, and by which plan. */
const PLANS = {
  refused: 'plain',
  approved: 'plain',
  denied: 'plain',
  delegated: 'two',
  doubled: 'two',
  repeated: 'two',
  joined: 'plain',
} as const;

let office: Office;
const started = new Map<string, StartedChannel>();
/** Actions that all channels show, and what people saw of them in each. */
const shared: Record<'expired' | 'fullView' | 'reopened', Map<string, Shown>> = {
  expired: new Map(),
  fullView: new Map(),
  reopened: new Map(),
};

beforeAll(async () => {
  office = await startOffice();
  for (const { name, subject } of channels) started.set(name, await subject.start(office));
  const show = async (actionId: string, shown: Map<string, Shown>): Promise<void> => {
    for (const [name, channel] of started) shown.set(name, await channel.shown(actionId));
  };
  await Promise.all([
    office.request('plain', EXPIRES_AFTER_MS).then((actionId) => show(actionId, shared.expired)),
    office.request('web').then((actionId) => show(actionId, shared.fullView)),
    office.request('plain').then((actionId) => show(actionId, shared.reopened)),
  ]);
});
afterAll(async () => {
  await Promise.all([...started.values()].map((channel) => channel.stop()));
  await office.close();
});

function channelOf(name: string): StartedChannel {
  const channel = started.get(name);
  if (channel === undefined) throw new Error(`no channel ${name}`);
  return channel;
}

function sharedIn(kind: keyof typeof shared, name: string): Shown {
  const shown = shared[kind].get(name);
  if (shown === undefined) throw new Error(`${name} shows no action that ${kind}`);
  return shown;
}

/** Tries, is refused for this reason, and has changed nothing: neither this action nor the one that was really meant. */
async function expectRefused(name: string, attempt: Attempt, code: RefusalCode, meant = attempt.shown): Promise<void> {
  const [before, refusalsBefore] = [await office.standing(meant.actionId), (await office.refusals()).length];
  const answer = await channelOf(name).decide(attempt);
  expect(answer, JSON.stringify(attempt.who)).toMatchObject({ refused: code });
  expect(answer.words).not.toBe('');
  expect((await office.refusals()).slice(refusalsBefore).map((refusal) => refusal.code)).toEqual([code]);
  expect(await office.standing(meant.actionId)).toEqual(before);
}

it('covers every channel that decides', async () => {
  const root = join(import.meta.dirname, '../../src/channels');
  const deciding = new Set<string>();
  for (const file of await readdir(root, { recursive: true })) {
    if (!file.endsWith('.ts') || !file.includes('/')) continue;
    if (/decisions\.decide\(/.test(await readFile(join(root, file), 'utf8'))) deciding.add(file.split('/')[0] ?? '');
  }
  expect([...new Set(channels.map(({ subject }) => subject.folder))].sort()).toEqual([...deciding].sort());
});

describe.each(channels)('$name', ({ name, subject }) => {
  const open = new Map<keyof typeof PLANS, Shown>();
  const shown = (kind: keyof typeof PLANS): Shown => {
    const found = open.get(kind);
    if (found === undefined) throw new Error(`no action to be ${kind}`);
    return found;
  };
  beforeAll(async () => {
    const channel = channelOf(name);
    await Promise.all(
      (Object.keys(PLANS) as (keyof typeof PLANS)[]).map(async (kind) => {
        open.set(kind, await channel.shown(await office.request(PLANS[kind])));
      }),
    );
  });

  const deciders = (actionId: string) =>
    office.agent
      .get(actionId)
      .then(({ decisions }) => decisions.map(({ person, decision, channel }) => ({ person, decision, channel })));

  it('calls on who is on call, where it calls on people', async () => {
    const called = await channelOf(name).calledOn?.(shown('refused'));
    expect(called ?? ['carol']).toEqual(['carol']);
    expect(called !== undefined).toBe(subject.folder !== 'api');
  });

  it('an approval runs the action, and whoever comes late is refused and sees who approved', async () => {
    const { actionId } = shown('approved');
    const channel = channelOf(name);
    expect(await channel.decide({ shown: shown('approved'), who: 'ben', decision: 'approve' })).toMatchObject({
      refused: null,
    });
    expect((await office.agent.wait(actionId, { timeoutMs: 50_000 })).outcome).toMatchObject({ status: 'succeeded' });
    expect(await deciders(actionId)).toEqual([{ person: 'ben', decision: 'approve', channel: subject.channel }]);
    expect(await channel.ended(actionId)).toMatchObject({ status: 'succeeded', approvedBy: ['ben'], deniedBy: [] });
    for (const decision of ['approve', 'deny'] as const)
      await expectRefused(name, { shown: shown('approved'), who: 'carol', decision }, 'action_closed');
    expect(await channel.ended(actionId)).toMatchObject({ approvedBy: ['ben'], deniedBy: [] });
  });

  it('a denial ends it, with a reason as long as the record takes', async () => {
    const { actionId } = shown('denied');
    const channel = channelOf(name);
    const attempt = { shown: shown('denied'), who: 'ben', decision: 'deny', reason: REASON } as const;
    expect(await channel.decide(attempt)).toMatchObject({ refused: null });
    const view = await office.agent.wait(actionId, { timeoutMs: 50_000 });
    expect(view).toMatchObject({ outcome: { status: 'denied' }, decisions: [{ person: 'ben', reason: REASON }] });
    expect(await deciders(actionId)).toEqual([{ person: 'ben', decision: 'deny', channel: subject.channel }]);
    const end = await channel.ended(actionId);
    expect(end).toMatchObject({ status: 'denied', approvedBy: [], deniedBy: ['ben'] });
    expect(end.text).toContain('Ask for fewer columns.');
  });

  it.each([
    ['no reason', '', 'reason_missing'],
    ['a blank reason', ' \n\t ', 'reason_missing'],
    ['a reason that is too long', 'x'.repeat(REASON_CHARS + 1), 'field_invalid'],
  ] as const)('refuses a denial with %s', async (_name, reason, code) => {
    await expectRefused(name, { shown: shown('refused'), who: 'ben', decision: 'deny', reason }, code);
  });

  it.each<[string, Who, RefusalCode]>([
    ['somebody in no group that is asked', 'ana', 'not_an_approver'],
    ["the agent's owner", 'olivia', 'self_approval'],
    ['an alias of the owner, in a group that is asked', 'olivia-admin', 'self_approval'],
    ['a prompter of the agent, in a group that is asked', 'paul', 'self_approval'],
    ['somebody who is away', 'hana', 'not_an_approver'],
  ])('refuses %s', async (_name, who, code) => {
    for (const decision of ['approve', 'deny'] as const)
      await expectRefused(name, { shown: shown('refused'), who, decision }, code);
  });

  it('refuses what was forged', async () => {
    const meant = shown('refused');
    const forgeries: [Partial<Shown>, RefusalCode][] = [
      [{ actionId: ulid() }, subject.forged.unknownAction],
      [{ actionId: shown('delegated').actionId }, subject.forged.anotherAction],
      [{ actionDigest: 'cd'.repeat(32) }, 'digest_mismatch'],
    ];
    for (const [change, code] of forgeries)
      await expectRefused(name, { shown: { ...meant, ...change }, who: 'carol', decision: 'approve' }, code, meant);
    expect((await office.agent.get(shown('delegated').actionId)).decisions).toEqual([]);
  });

  it('a stand-in decides for who is away, once', async () => {
    const { actionId } = shown('delegated');
    const attempt = { shown: shown('delegated'), who: 'gus', decision: 'approve' } as const;
    expect(await channelOf(name).decide(attempt)).toMatchObject({ refused: null });
    expect(await office.agent.get(actionId)).toMatchObject({
      state: 'waiting',
      decisions: [{ person: 'gus', decision: 'approve', groups: ['dba', 'platform'] }],
      quorum: { open: [{ group: 'data-owner', places: 1 }] },
    });
    for (const decision of ['approve', 'deny'] as const)
      await expectRefused(name, { ...attempt, decision }, 'already_decided');
  });

  it('a double click is one decision', async () => {
    const { actionId } = shown('doubled');
    const attempt = { shown: shown('doubled'), who: 'ben', decision: 'approve' } as const;
    const answers = await Promise.all([1, 2].map(() => channelOf(name).decide(attempt)));
    const codes = answers.map(({ refused }) => refused);
    expect(codes).toContain(null);
    for (const code of codes) expect([null, 'already_decided']).toContain(code);
    expect(await office.agent.get(actionId)).toMatchObject({ state: 'waiting', decisions: [{ person: 'ben' }] });
    expect(await deciders(actionId)).toEqual([{ person: 'ben', decision: 'approve', channel: subject.channel }]);
  });

  it('the same asked for once more is shown once, and one decision is the answer to both', async () => {
    const first = shown('joined');
    const { actionId } = first;
    expect(await office.requestAgain(actionId)).toEqual({ actionId, joined: true });
    expect(await channelOf(name).showings(actionId)).toBe(1);
    expect(await channelOf(name).decide({ shown: first, who: 'ben', decision: 'deny' })).toMatchObject({
      refused: null,
    });
    expect((await office.agent.wait(actionId, { timeoutMs: 50_000 })).outcome).toMatchObject({ status: 'denied' });
    // From now on it is another question, which people are asked anew.
    const next = await office.requestAgain(actionId);
    expect(next.joined).toBe(false);
    await channelOf(name).shown(next.actionId);
    expect(await channelOf(name).showings(next.actionId)).toBe(1);
  });

  it('an event that comes twice is one decision, with one answer', async () => {
    const { actionId } = shown('repeated');
    const attempt = { shown: shown('repeated'), who: 'ben', decision: 'approve' } as const;
    const answers = await channelOf(name).decideTwice(attempt);
    expect(new Set(answers.map(({ refused }) => refused))).toEqual(new Set([null]));
    expect(await office.agent.get(actionId)).toMatchObject({ state: 'waiting', decisions: [{ person: 'ben' }] });
    expect(await deciders(actionId)).toEqual([{ person: 'ben', decision: 'approve', channel: subject.channel }]);
  });
});

describe('what policy lets people decide in the full view only', () => {
  it.each(channels.filter(({ subject }) => !subject.isFullView))('is refused by $name', async ({ name }) => {
    for (const decision of ['approve', 'deny'] as const)
      await expectRefused(name, { shown: sharedIn('fullView', name), who: 'ben', decision }, 'assurance_required');
  });

  it.each(channels.filter(({ subject }) => subject.isFullView))(
    'counts in the $name after a fresh sign-in',
    async ({ name }) => {
      const attempt = { shown: sharedIn('fullView', name), who: 'ben', decision: 'approve' } as const;
      expect(await channelOf(name).decide(attempt)).toMatchObject({ refused: null });
      const { outcome } = await office.agent.wait(attempt.shown.actionId, { timeoutMs: 50_000 });
      expect(outcome).toMatchObject({ status: 'succeeded' });
    },
  );
});

describe('an action whose time is over', () => {
  beforeAll(async () => {
    const [first] = shared.expired.values();
    await until(office.agent, first?.actionId ?? '', ({ outcome }) => outcome?.status === 'expired', 60_000);
  });

  it.each(channels)('is decided by nobody in $name', async ({ name }) => {
    for (const decision of ['approve', 'deny'] as const)
      await expectRefused(name, { shown: sharedIn('expired', name), who: 'carol', decision }, 'action_closed');
  });
});

describe('a freeze', () => {
  const SCOPE = { kind: 'operation', operation: 'ssh.command' } as const;
  const telling = channels.filter(({ subject }) => subject.folder !== 'api');
  const noticesIn = (name: string): string[] => channelOf(name).notices?.() ?? [];
  const everywhere = (words: string): Promise<void> =>
    untilTrue(async () => telling.every(({ name }) => noticesIn(name).some((text) => text.includes(words))));

  it('is told by every channel that tells by itself, once, and that it was lifted in the same message', async () => {
    expect(channels.filter(({ name }) => channelOf(name).notices !== undefined)).toEqual(telling);
    const [ben, erin, fay] = await Promise.all(['ben', 'erin', 'fay'].map((who) => personAt(office.stack, who)));
    await ben?.freeze(SCOPE, 'Somebody holds the key.');
    await everywhere('Frozen: operation ssh.command');
    const before = telling.map(({ name }) => noticesIn(name));
    expect(before.map((texts) => texts.length)).toEqual(telling.map(() => 1));
    expect(before.every(([text]) => text?.includes('Somebody holds the key.'))).toBe(true);
    await erin?.unfreeze(SCOPE, 'The key was changed.');
    await fay?.unfreeze(SCOPE, 'I looked, too.');
    await everywhere('Freeze lifted: operation ssh.command');
    expect(telling.map(({ name }) => noticesIn(name).length)).toEqual(telling.map(() => 1));
  });
});

// Last: the target is another one from here on.
describe('an action that is reviewed again', () => {
  beforeAll(async () => {
    const [first] = shared.reopened.values();
    if (first === undefined) throw new Error('no channel showed it');
    await office.stack.installation.inTarget((client) =>
      client.query(`comment on column orders.status is 'confidential: what somebody did'`),
    );
    const [[name] = ['']] = started;
    await channelOf(name).decide({ shown: first, who: 'ben', decision: 'approve' });
    await until(office.agent, first.actionId, ({ round, state }) => round === 2 && state === 'waiting', 60_000);
  });

  it.each(channels)('is not decided in $name by what was shown before', async ({ name }) => {
    for (const decision of ['approve', 'deny'] as const)
      await expectRefused(name, { shown: sharedIn('reopened', name), who: 'carol', decision }, 'digest_mismatch');
  });
});
