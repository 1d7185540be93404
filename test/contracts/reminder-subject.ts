import type pg from 'pg';
import type { Channel } from '../../src/channels/channel.js';
import type { Directory } from '../../src/directory/directory.js';
import type { OnCall } from '../../src/directory/oncall/on-call.js';
import type { ActionView } from '../../src/record/action-view.js';

/** People of the tests (`test/unit/slack/views.ts`) to whom reminders may go. */
export type Reminded = 'ada' | 'bo' | 'cy';

/**
 * How a channel that reminds people enters the contract suite: `test/contracts/reminders/<name>.ts` exports
 * `subject: ReminderSubject`. The suite (`reminders.test.ts`) finds it by itself.
 */
export interface ReminderSubject {
  /** The folder of `src/channels` that it lives in. */
  folder: string;
  /** The people above, each with an account. */
  directory: Directory;
  start(pool: pg.Pool): Promise<ReminderSeat>;
}

/** What a channel works with, as a worker has it. */
export interface ReminderWorld {
  clock: () => number;
  /** What the record tells of open actions; may throw. */
  open: () => readonly ActionView[];
  directory: Directory;
  onCall: Pick<OnCall, 'of'>;
}

export interface ReminderSeat {
  make(world: ReminderWorld): Channel;
  /** The ids of the actions that each digest to a person lists, oldest digest first. */
  digests(person: Reminded): string[][];
  /** What a phone shows of each of them. */
  headlines(person: Reminded): string[];
  /** Lines in threads that remind. */
  lines(): string[];
  /** The service takes nothing from now on, until null. */
  fail(fault: { status: number } | null): void;
  /** The service refuses to write to this person, or does so again. */
  refuse(person: Reminded, isRefused: boolean): void;
  stop(): Promise<void>;
}
