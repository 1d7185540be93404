import type pg from 'pg';
import { query } from '../../record/postgres/pool.js';

/** Remembers when each person last got a digest of what waits for them, so that reminders become one message. */
export interface DigestStore {
  /**
   * Takes the right to send a person a digest: nobody else has had it for `everyMs`. One claim is one holder's, who may
   * ask for it again.
   * @param holder names the reminder on whose account it is sent.
   */
  claim(claim: DigestClaim, nowMs: number, everyMs: number): Promise<boolean>;
  /** Nothing was sent: the next reminder may. */
  release(claim: DigestClaim): Promise<void>;
  /** Keeps the first reminder that came in somebody's quiet hours. */
  hold(reminder: HeldReminder, nowMs: number): Promise<void>;
  /** What is held, oldest first. */
  held(channelName: string): Promise<HeldReminder[]>;
  letGo(reminder: HeldReminder): Promise<void>;
}

/** A reminder that was not sent in a person's quiet hours. */
export interface HeldReminder {
  channelName: string;
  /** Canonical. */
  person: string;
  /** What it was about, and which of the reminders about that it was. */
  actionId: string;
  reminder: string;
}

export interface DigestClaim {
  channelName: string;
  /** Canonical. */
  person: string;
  holder: string;
}

/** Table and rights, for the record's migrations. Roles are those that post. */
export function reminderDigestsSql(roles: { worker: string; notary: string }): string {
  return `
  create table countersign.reminder_digests (
    channel_name text collate "C" not null check (length(channel_name) <= 63),
    person text collate "C" not null check (length(person) <= 100),
    holder text collate "C" not null check (length(holder) <= 100),
    claimed_at_ms bigint not null,
    primary key (channel_name, person)
  );
  grant select, insert, update, delete on countersign.reminder_digests to ${roles.worker}, ${roles.notary};`;
}

/** Table and rights, for the record's migrations. Roles are those that post. */
export function heldRemindersSql(roles: { worker: string; notary: string }): string {
  return `
  create table countersign.held_reminders (
    channel_name text collate "C" not null check (length(channel_name) <= 63),
    person text collate "C" not null check (length(person) <= 100),
    action_id text collate "C" not null check (length(action_id) = 26),
    reminder text collate "C" not null check (length(reminder) <= 40),
    held_at_ms bigint not null,
    primary key (channel_name, person)
  );
  grant select, insert, delete on countersign.held_reminders to ${roles.worker}, ${roles.notary};`;
}

// What is left comes with the next pass.
const MAX_HELD = 500;

interface HeldRow {
  channel_name: string;
  person: string;
  action_id: string;
  reminder: string;
}

/** The store in PostgreSQL. It is no record: losing it costs a second digest, never a decision. */
export function createDigestStore(pool: pg.Pool): DigestStore {
  return {
    async claim({ channelName, person, holder }, nowMs, everyMs) {
      const claimed = await query(
        pool,
        `insert into countersign.reminder_digests as kept (channel_name, person, holder, claimed_at_ms) values ($1, $2, $3, $4)
         on conflict (channel_name, person) do update set
           holder = excluded.holder,
           claimed_at_ms = case when kept.holder = excluded.holder then kept.claimed_at_ms else excluded.claimed_at_ms end
         where kept.holder = excluded.holder or kept.claimed_at_ms <= $5
         returning 1`,
        [channelName, person, holder, nowMs, nowMs - everyMs],
      );
      return claimed.length > 0;
    },
    async release({ channelName, person, holder }) {
      await query(
        pool,
        'delete from countersign.reminder_digests where channel_name = $1 and person = $2 and holder = $3',
        [channelName, person, holder],
      );
    },
    async hold({ channelName, person, actionId, reminder }, nowMs) {
      await query(
        pool,
        `insert into countersign.held_reminders (channel_name, person, action_id, reminder, held_at_ms) values ($1, $2, $3, $4, $5)
         on conflict do nothing`,
        [channelName, person, actionId, reminder, nowMs],
      );
    },
    async held(channelName) {
      const rows = await query<HeldRow>(
        pool,
        `select channel_name, person, action_id, reminder from countersign.held_reminders
         where channel_name = $1 order by held_at_ms, person limit ${String(MAX_HELD)}`,
        [channelName],
      );
      return rows.map(({ person, action_id: actionId, reminder }) => ({ channelName, person, actionId, reminder }));
    },
    async letGo({ channelName, person, actionId, reminder }) {
      await query(
        pool,
        'delete from countersign.held_reminders where channel_name = $1 and person = $2 and action_id = $3 and reminder = $4',
        [channelName, person, actionId, reminder],
      );
    },
  };
}
