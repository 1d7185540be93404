import type pg from 'pg';
import type { Json } from '../../core/json.js';
import { query } from '../../record/postgres/pool.js';

/** Where a message is. */
export interface MessageAddress {
  conversation: string;
  /** The service's id of it within the conversation. */
  ts: string;
}

/** Names one message: of a channel, about something, in a slot such as `message` or `reminder/1/2`. */
export interface MessageKey {
  channelName: string;
  /** What it is about: an action's id, or `alarm/…` and `freeze/…` with the statement's digest. */
  subject: string;
  slot: string;
}

/** What is known of one message. */
export interface KnownMessage {
  state: 'absent' | 'posting' | 'unclear' | 'posted';
  /** Where it is, or where the last attempt went. */
  conversation: string;
  /** Null while it is not known. */
  ts: string | null;
  /** When the last attempt to post it began. That names the attempt: `adopt` and `settle`. */
  attemptedAtMs: number;
  /** What it says, of a message that is not drawn from an action's view; null where that was not kept. */
  said: Json | null;
}

/** A message that is there, or may be. */
export interface ShownMessage {
  slot: string;
  conversation: string;
  ts: string | null;
}

/** What to do about a message that may or may not exist. */
export type Reservation =
  | { kind: 'posted'; address: MessageAddress; attemptedAtMs: number }
  /** It certainly does not exist: post it, then `settle` or `release`. */
  | { kind: 'post'; attemptedAtMs: number }
  /** An earlier attempt ended unclearly: look for it since then, and post only if it is not there. */
  | { kind: 'search'; conversation: string; sinceMs: number; attemptedAtMs: number }
  /** Another process is posting it right now. */
  | { kind: 'held' };

/** Remembers what was posted where, so that a message is posted once and then updated. */
export interface MessageStore {
  posted(key: MessageKey): Promise<MessageAddress | undefined>;
  /** Messages that are, or may be, there: in this slot or in one below it (`slot/…`). `ts` null: not known. */
  shown(channelName: string, subject: string, slot: string): Promise<ShownMessage[]>;
  /** Subjects about which a channel may have something standing, oldest first; at most 500. */
  standing(channelName: string): Promise<string[]>;
  /** The message that is kept at an address, about whatever it is. */
  keptAt(channelName: string, address: MessageAddress): Promise<MessageKey | undefined>;
  /** Undefined: none was ever begun. */
  known(key: MessageKey): Promise<KnownMessage | undefined>;
  /** Takes the right to post a message for a minute. */
  reserve(key: MessageKey, conversation: string, nowMs: number): Promise<Reservation>;
  /**
   * It is posted.
   * @param attemptedAtMs by which attempt; left out where nothing is adopted
   * @returns whether it is the message that is kept: not when one of an earlier attempt was adopted meanwhile.
   */
  settle(key: MessageKey, address: MessageAddress, attemptedAtMs?: number): Promise<boolean>;
  /** Keeps what a message is about to say. */
  say(key: MessageKey, said: Json): Promise<void>;
  /** `absent`: certainly not posted. `unclear`: nobody knows. */
  release(key: MessageKey, as: 'absent' | 'unclear'): Promise<void>;
  /** The message at this address is gone: the next `reserve` may post anew. */
  forget(key: MessageKey, address: MessageAddress): Promise<void>;
  /**
   * A message whose post has not ended clearly was found: it is the one that is kept. False when another is by now.
   * @param attemptedAtMs of which attempt it is; null: not known
   */
  adopt(key: MessageKey, address: MessageAddress, attemptedAtMs: number | null): Promise<boolean>;
  /** Notes that `revision` is about to be shown; false when a later one already was. */
  advance(key: MessageKey, revision: number): Promise<boolean>;
}

/** After this an attempt whose process said nothing more counts as unclear. Longer than a call may take. */
export const HELD_MS = 60_000;

/** Table and rights, for the record's migrations. Roles are those that post or look messages up. */
export function channelMessagesSql(roles: { gateway: string; worker: string; notary: string }): string {
  return `
  create table countersign.channel_messages (
    channel_name text collate "C" not null check (length(channel_name) <= 63),
    action_id text collate "C" not null check (length(action_id) = 26),
    slot text collate "C" not null check (length(slot) <= 200),
    state text not null check (state in ('absent', 'posting', 'unclear', 'posted')),
    conversation text not null check (length(conversation) <= 200),
    message_ts text check (length(message_ts) <= 100),
    attempted_at_ms bigint not null,
    -- Start of the first attempt since the message was certainly absent: where a search begins.
    unsure_since_ms bigint not null,
    revision integer not null default 0,
    primary key (channel_name, action_id, slot),
    check ((state = 'posted') = (message_ts is not null))
  );
  grant select on countersign.channel_messages to ${roles.gateway}, ${roles.worker}, ${roles.notary};
  grant insert, update on countersign.channel_messages to ${roles.worker}, ${roles.notary};`;
}

/** Messages about alarms and freezes besides actions, and what a message says that is drawn from no action's view. */
export function messageSubjectsSql({ gateway }: { gateway: string }): string {
  return `
  alter table countersign.channel_messages drop constraint channel_messages_action_id_check;
  alter table countersign.channel_messages rename column action_id to subject;
  alter table countersign.channel_messages add constraint channel_messages_subject_check check (length(subject) between 26 and 100);
  alter table countersign.channel_messages add column said jsonb;
  grant update (attempted_at_ms) on countersign.channel_messages to ${gateway};`;
}

/** The gateway adopts a message that a click or a look tells of. */
export function adoptMessagesSql({ gateway }: { gateway: string }): string {
  return `grant update (state, conversation, message_ts) on countersign.channel_messages to ${gateway};`;
}

interface Row {
  state: 'absent' | 'posting' | 'unclear' | 'posted';
  conversation: string;
  message_ts: string | null;
  attempted_at_ms: string;
  unsure_since_ms: string;
}

interface KeptRow {
  subject: string;
  slot: string;
}

interface KnownRow extends Pick<Row, 'state' | 'conversation' | 'message_ts' | 'attempted_at_ms'> {
  said: Json | null;
}

const WHERE_KEY = 'where channel_name = $1 and subject = $2 and slot = $3';

/** The store in PostgreSQL. It is no record: losing it costs a second message, never a decision. */
export function createMessageStore(pool: pg.Pool): MessageStore {
  const read = async (key: MessageKey): Promise<Row | undefined> =>
    (
      await query<Row>(
        pool,
        `select state, conversation, message_ts, attempted_at_ms, unsure_since_ms from countersign.channel_messages ${WHERE_KEY}`,
        values(key),
      )
    )[0];
  const change = (key: MessageKey, sql: string, more: unknown[]): Promise<unknown[]> =>
    query(pool, `update countersign.channel_messages ${sql} returning 1`, [...values(key), ...more]);

  return {
    posted: async (key) => addressOf(await read(key)),
    ...lookUps(pool),
    async reserve(key, conversation, nowMs) {
      const inserted = await query(
        pool,
        `insert into countersign.channel_messages (channel_name, subject, slot, state, conversation, attempted_at_ms, unsure_since_ms)
         values ($1, $2, $3, 'posting', $4, $5, $5) on conflict do nothing returning 1`,
        [...values(key), conversation, nowMs],
      );
      if (inserted.length > 0) return { kind: 'post', attemptedAtMs: nowMs };
      const row = await read(key);
      if (row === undefined) return { kind: 'held' };
      const address = addressOf(row);
      if (address !== undefined) return { kind: 'posted', address, attemptedAtMs: Number(row.attempted_at_ms) };
      if (row.state === 'posting' && nowMs - Number(row.attempted_at_ms) < HELD_MS) return { kind: 'held' };
      const absent = row.state === 'absent';
      // An unclear message is where the unclear attempt went, and no older than the first of them.
      const place = absent ? conversation : row.conversation;
      const unsureSinceMs = absent ? nowMs : Number(row.unsure_since_ms);
      const taken = await change(
        key,
        `set state = 'posting', conversation = $4, attempted_at_ms = $5, unsure_since_ms = $6 ${WHERE_KEY} and state = $7 and attempted_at_ms = $8`,
        [place, nowMs, unsureSinceMs, row.state, row.attempted_at_ms],
      );
      if (taken.length === 0) return { kind: 'held' };
      return absent
        ? { kind: 'post', attemptedAtMs: nowMs }
        : { kind: 'search', conversation: place, sinceMs: unsureSinceMs, attemptedAtMs: nowMs };
    },
    async settle(key, { conversation, ts }, attemptedAtMs = 0) {
      const settled = `set state = 'posted', conversation = $4, message_ts = $5
        ${WHERE_KEY} and (state <> 'posted' or attempted_at_ms = $6)`;
      return (await change(key, settled, [conversation, ts, attemptedAtMs])).length > 0;
    },
    async say(key, said) {
      await change(key, `set said = $4 ${WHERE_KEY}`, [JSON.stringify(said)]);
    },
    async adopt(key, { conversation, ts }, attemptedAtMs) {
      const adopted = `set state = 'posted', conversation = $4, message_ts = $5, attempted_at_ms = coalesce($6, attempted_at_ms)
        ${WHERE_KEY} and state in ('posting', 'unclear')`;
      return (await change(key, adopted, [conversation, ts, attemptedAtMs])).length > 0;
    },
    async release(key, as) {
      await change(key, `set state = $4 ${WHERE_KEY} and state = 'posting'`, [as]);
    },
    async forget(key, { conversation, ts }) {
      await change(
        key,
        `set state = 'absent', message_ts = null ${WHERE_KEY} and conversation = $4 and message_ts = $5`,
        [conversation, ts],
      );
    },
    async advance(key, revision) {
      return (await change(key, `set revision = $4 ${WHERE_KEY} and revision <= $4`, [revision])).length > 0;
    },
  };
}

function lookUps(pool: pg.Pool): Pick<MessageStore, 'shown' | 'standing' | 'keptAt' | 'known'> {
  return {
    async shown(channelName, subject, slot) {
      const rows = await query<{ slot: string; conversation: string; message_ts: string | null }>(
        pool,
        `select slot, conversation, message_ts from countersign.channel_messages
         where channel_name = $1 and subject = $2 and (slot = $3 or starts_with(slot, $3 || '/')) and state <> 'absent'
         order by slot`,
        [channelName, subject, slot],
      );
      return rows.map(({ slot: own, conversation, message_ts: ts }) => ({ slot: own, conversation, ts }));
    },
    async standing(channelName) {
      const rows = await query<{ subject: string }>(
        pool,
        `select distinct subject from countersign.channel_messages
         where channel_name = $1 and state <> 'absent' order by subject limit 500`,
        [channelName],
      );
      return rows.map(({ subject }) => subject);
    },
    async keptAt(channelName, { conversation, ts }) {
      const [row] = await query<KeptRow>(
        pool,
        // Teams names a thread by its channel, and what follows a semicolon.
        `select subject, slot from countersign.channel_messages
         where channel_name = $1 and split_part(conversation, ';', 1) = $2 and message_ts = $3 limit 1`,
        [channelName, conversation, ts],
      );
      return row === undefined ? undefined : { channelName, ...row };
    },
    async known(key) {
      const [row] = await query<KnownRow>(
        pool,
        `select state, conversation, message_ts, attempted_at_ms, said from countersign.channel_messages ${WHERE_KEY}`,
        values(key),
      );
      if (row === undefined) return undefined;
      const { state, conversation, message_ts: ts, said } = row;
      return { state, conversation, ts, attemptedAtMs: Number(row.attempted_at_ms), said };
    },
  };
}

function values({ channelName, subject, slot }: MessageKey): unknown[] {
  return [channelName, subject, slot];
}

function addressOf(row: Row | undefined): MessageAddress | undefined {
  if (row === undefined || row.message_ts === null) return undefined;
  return { conversation: row.conversation, ts: row.message_ts };
}
