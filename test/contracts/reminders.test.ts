import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { ServiceFault } from '../../src/core/errors.js';
import { createDirectory } from '../../src/directory/create-directory.js';
import type { ActionView } from '../../src/record/action-view.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { NOBODY_ON_CALL } from '../fakes/slack/slack-gateway.js';
import { decisionOf, OPENED_AT_MS, planOf, waitingView } from '../unit/slack/views.js';
import { findReminders } from './find-subjects.js';
import type { Reminded, ReminderSeat, ReminderWorld } from './reminder-subject.js';

const subjects = [...(await findReminders())].map(([name, subject]) => ({ name, subject }));
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** 23:00 in Berlin, where Ada sleeps. */
const NIGHT_MS = Date.UTC(2026, 10, 22, 22);
/** 07:00 there: she is up. */
const MORNING_MS = Date.UTC(2026, 10, 23, 6);
const quietHours = { timeZone: 'Europe/Berlin', from: '22:00', to: '07:00' };

let database: MessageDatabase;
beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());

it('covers every channel that reminds people', async () => {
  const root = join(import.meta.dirname, '../../src/channels');
  const reminding = new Set<string>();
  for (const file of await readdir(root, { recursive: true })) {
    const [folder = '', ...rest] = file.split('/');
    if (folder === 'message' || rest.length === 0 || !file.endsWith('.ts')) continue;
    if (/\bsendDigests\(/.test(await readFile(join(root, file), 'utf8'))) reminding.add(folder);
  }
  expect(subjects.map(({ subject }) => subject.folder).sort()).toEqual([...reminding].sort());
});

const idOf = (index: number): string => `01K9ZZZZZZ00000000000000${String(index).padStart(2, '0')}`;

describe.each(subjects)('reminders in $name', ({ subject }) => {
  const directory = createDirectory({
    people: subject.directory.people().map((person) => (person.id === 'ada' ? { ...person, quietHours } : person)),
    groups: { dba: ['ada', 'bo', 'cy'], oncall: ['di'], lead: ['ada'] },
    agents: subject.directory.agents(),
  });
  let seat: ReminderSeat;
  let nowMs: number;
  /** What the record tells now, or why it cannot. */
  let open: ActionView[];
  let fault: ServiceFault | null;

  beforeEach(async () => {
    [nowMs, open, fault] = [OPENED_AT_MS, [], null];
    await database.pool.query(
      'truncate countersign.channel_messages, countersign.reminder_digests, countersign.held_reminders',
    );
    seat = await subject.start(database.pool);
  });
  afterEach(() => seat.stop());

  const make = (over: Partial<ReminderWorld> = {}): Channel =>
    seat.make({
      clock: () => nowMs,
      open: () => {
        if (fault !== null) throw fault;
        return open;
      },
      directory,
      onCall: NOBODY_ON_CALL,
      ...over,
    });
  /** An action that is open on record too. */
  const opened = (index: number, over: Partial<ActionView> = {}): ActionView => {
    const view = waitingView({ actionId: idOf(index), ...over });
    open.push(view);
    return view;
  };
  const remind = async (view: ActionView, number = 2, channel = make()): Promise<void> => {
    nowMs += 2_000;
    await channel.announce('reminded', view, number);
  };
  const counts = (...people: Reminded[]): number[] => people.map((person) => seat.digests(person).length);

  it('of ten actions are one digest to each person who may decide, and no line', async () => {
    const views = Array.from({ length: 10 }, (_, index) => opened(index));
    for (const view of views) await remind(view);
    const all = views.map(({ actionId }) => actionId);
    // Cy owns the agent.
    expect((['ada', 'bo', 'cy'] as const).map(seat.digests)).toEqual([[all], [all], []]);
    expect(seat.headlines('ada')).toEqual(['10 actions wait for you, the soonest to expire first:']);
    expect(seat.lines()).toEqual([]);
  });

  it('come again after a quarter of an hour, and are not repeated by a repeated announcement', async () => {
    const view = opened(1);
    for (const number of [2, 3]) await remind(view, number);
    expect(counts('ada')).toEqual([1]);
    nowMs += 15 * MINUTE_MS;
    for (const again of [3, 3, 2]) await remind(view, again);
    expect(counts('ada')).toEqual([2]);
  });

  it('list what was asked for since the last one, and not what was decided meanwhile', async () => {
    const [first, second] = [opened(1), opened(2)];
    await remind(first);
    open = [second, waitingView({ actionId: idOf(1), decisions: [decisionOf('ada', 'approve', '')] })];
    opened(3);
    nowMs += 15 * MINUTE_MS;
    await remind(second, 3);
    expect(seat.digests('ada').at(-1)).toEqual([idOf(2), idOf(3)]);
  });

  it('are not sent, and hold up no other, for what was decided since the view was read', async () => {
    const [stale, other] = [waitingView({ actionId: idOf(1) }), opened(2)];
    await remind(stale);
    expect(seat.digests('ada')).toEqual([]);
    await remind(other);
    expect(seat.digests('ada')).toEqual([[idOf(2)]]);
  });

  it('go neither to whoever has decided nor to whoever is barred', async () => {
    const plan = planOf({ group: 'dba', quorum: 2 });
    await remind(opened(1, { decisions: [decisionOf('ada', 'approve', '')], plan }));
    expect(counts('ada', 'bo', 'cy')).toEqual([0, 1, 0]);
  });

  it('go to those on call where that is known', async () => {
    const onCall = { of: async () => ({ people: ['bo'], source: 'rotation', faults: [] }) };
    await remind(opened(1), 2, make({ onCall }));
    expect(counts('ada', 'bo')).toEqual([0, 1]);
  });

  it('become a line in the thread where somebody cannot be written to', async () => {
    seat.refuse('ada', true);
    await remind(opened(1));
    expect(counts('ada', 'bo')).toEqual([0, 1]);
    expect(seat.lines()).toHaveLength(1);
  });

  it.each([
    ['one reminder', [1, 1]],
    ['two reminders', [1, 2]],
  ])('are sent once by two workers at once: %s', async (_name, indexes) => {
    const views = [opened(1), opened(2)];
    const told = indexes.map((index) => views[index - 1] ?? waitingView());
    await Promise.allSettled(told.map((view) => make().announce('reminded', view, 2)));
    // As Temporal does with the one that was told to come again.
    for (const view of told) await remind(view);
    const both = [[idOf(1), idOf(2)]];
    expect((['ada', 'bo'] as const).map(seat.digests)).toEqual([both, both]);
  });

  it('leave the way free when it cannot be told what waits', async () => {
    fault = new ServiceFault('record', 'The record cannot be reached.', true);
    await expect(remind(opened(1))).rejects.toMatchObject({ service: 'record' });
    fault = null;
    await remind(opened(2));
    expect(seat.digests('ada')).toEqual([[idOf(1), idOf(2)]]);
  });

  describe('in quiet hours', () => {
    const day = { openedAtMs: NIGHT_MS - HOUR_MS, expiresAtMs: NIGHT_MS + 23 * HOUR_MS };
    const late = { openedAtMs: NIGHT_MS - 3 * HOUR_MS, expiresAtMs: NIGHT_MS + HOUR_MS };
    const hold = async (...indexes: number[]): Promise<void> => {
      nowMs = NIGHT_MS;
      for (const index of indexes) await remind(opened(index, day));
      nowMs += 15 * MINUTE_MS;
    };
    const pass = async (): Promise<void> => make().catchUp?.();

    it.each<[string, Partial<ActionView>, number]>([
      ['are held', {}, 0],
      ['are held for an action that has escalated to others', { escalated: [{ group: 'oncall', firedAtMs: 0 }] }, 0],
      ['come for a critical one', { risk: 'critical' }, 1],
      ['come for one that has escalated to the person', { escalated: [{ group: 'lead', firedAtMs: 0 }] }, 1],
      ['come for one in the last quarter of its time', late, 1],
      ['are held at the end of its third quarter', { ...late, expiresAtMs: NIGHT_MS + HOUR_MS + MINUTE_MS }, 0],
    ])('%s', async (_name, over, expected) => {
      nowMs = NIGHT_MS;
      await remind(opened(1, { ...day, ...over }));
      // Others are reminded, and the thread says nothing in her place.
      expect(counts('ada', 'bo')).toEqual([expected, 1]);
      expect(seat.lines()).toEqual([]);
    });

    it('are held, and are in the first digest after them', async () => {
      await hold(1);
      nowMs = MORNING_MS;
      await remind(opened(2, day), 5);
      nowMs += MINUTE_MS;
      await pass();
      expect(seat.digests('ada')).toEqual([[idOf(1), idOf(2)]]);
    });

    it('are held, and come by themselves when those are over: once, as one digest of all that still waits', async () => {
      await hold(1, 2);
      await pass();
      expect(seat.digests('ada')).toEqual([]);
      nowMs = MORNING_MS;
      await Promise.all([pass(), pass()].map((sent) => sent.catch(() => undefined)));
      await pass();
      expect(seat.digests('ada')).toEqual([[idOf(1), idOf(2)]]);
    });

    it('are held, and do not come when all of it was decided', async () => {
      await hold(1);
      open = [];
      nowMs = MORNING_MS;
      await pass();
      opened(2);
      await pass();
      expect(seat.digests('ada')).toEqual([]);
    });

    it('stay held while the service does not take them, and are given up where it refuses to write', async () => {
      await hold(1);
      nowMs = MORNING_MS;
      seat.fail({ status: 503 });
      await expect(pass()).rejects.toMatchObject({ service: subject.folder, temporary: true });
      seat.fail(null);
      seat.refuse('ada', true);
      await pass();
      seat.refuse('ada', false);
      await pass();
      expect(seat.digests('ada')).toEqual([]);
    });
  });
});
