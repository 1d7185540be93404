import type pg from 'pg';
import { query } from '../../record/postgres/pool.js';

/** Where a message is. */
export interface MessageAddress {
  conversation: string;
  /** The service's id of it within the conversation. */
  ts: string;
}

/** Names one message: of a channel, about an action, in a slot such as `message` or `reminder/1/2`. */
export interface MessageKey {
  channelName: string;
  actionId: string;
  slot: string;
}

/** A message that is there, or may be. */
export interface ShownMessage {
  slot: string;
  conversation: string;
  ts: string | null;
}

/** What to do about a message that may or may not exist. */
export type Reservation =
  | { kind: 'posted'; address: MessageAddress }
  /** It certainly does not exist: post it, then `settle` or `release`. */
  | { kind: 'post' }
  /** An earlier attempt ended unclearly: look for it since then, and post only if it is not there. */
  | { kind: 'search'; conversation: string; sinceMs: number }
  /** Another process is posting it right now. */
  | { kind: 'held' };

/** Remembers what was posted where, so that a message is posted once and then updated. */
export interface MessageStore {
  posted(key: MessageKey): Promise<MessageAddress | undefined>;
  /** Messages that are, or may be, there: in this slot or in one below it (`slot/…`). `ts` null: not known. */
  shown(channelName: string, actionId: string, slot: string): Promise<ShownMessage[]>;
  /** Actions about which a channel may have something standing, oldest first; at most 500. */
  standing(channelName: string): Promise<string[]>;
  /** Whether a message is one that is kept, about whatever action. */
  isKept(channelName: string, address: MessageAddress): Promise<boolean>;
  /** Takes the right to post a message for a minute. */
  reserve(key: MessageKey, conversation: string, nowMs: number): Promise<Reservation>;
  /** It is posted. */
  settle(key: MessageKey, address: MessageAddress): Promise<void>;
  /** `absent`: certainly not posted. `unclear`: nobody knows. */
  release(key: MessageKey, as: 'absent' | 'unclear'): Promise<void>;
  /** The message at this address is gone: the next `reserve` may post anew. */
  forget(key: MessageKey, address: MessageAddress): Promise<void>;
  /** A message whose post ended unclearly was found: it is the one that is kept. False when another is by now. */
  adopt(key: MessageKey, address: MessageAddress): Promise<boolean>;
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

/** The gateway adopts a message that a click tells of. */
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

const WHERE_KEY = 'where channel_name = $1 and action_id = $2 and slot = $3';

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
    async posted(key) {
      const row = await read(key);
      return row === undefined ? undefined : addressOf(row);
    },
    ...lookUps(pool),
    async reserve(key, conversation, nowMs) {
      const inserted = await query(
        pool,
        `insert into countersign.channel_messages (channel_name, action_id, slot, state, conversation, attempted_at_ms, unsure_since_ms)
         values ($1, $2, $3, 'posting', $4, $5, $5) on conflict do nothing returning 1`,
        [...values(key), conversation, nowMs],
      );
      if (inserted.length > 0) return { kind: 'post' };
      const row = await read(key);
      if (row === undefined) return { kind: 'held' };
      const address = addressOf(row);
      if (address !== undefined) return { kind: 'posted', address };
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
      return absent ? { kind: 'post' } : { kind: 'search', conversation: place, sinceMs: unsureSinceMs };
    },
    async settle(key, { conversation, ts }) {
      await change(key, `set state = 'posted', conversation = $4, message_ts = $5 ${WHERE_KEY}`, [conversation, ts]);
    },
    async adopt(key, { conversation, ts }) {
      const change = `update countersign.channel_messages set state = 'posted', conversation = $4, message_ts = $5
        ${WHERE_KEY} and state = 'unclear' returning 1`;
      return (await query(pool, change, [...values(key), conversation, ts])).length > 0;
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

function lookUps(pool: pg.Pool): Pick<MessageStore, 'shown' | 'standing' | 'isKept'> {
  return {
    async shown(channelName, actionId, slot) {
      const rows = await query<{ slot: string; conversation: string; message_ts: string | null }>(
        pool,
        `select slot, conversation, message_ts from countersign.channel_messages
         where channel_name = $1 and action_id = $2 and (slot = $3 or starts_with(slot, $3 || '/')) and state <> 'absent'
         order by slot`,
        [channelName, actionId, slot],
      );
      return rows.map(({ slot: own, conversation, message_ts: ts }) => ({ slot: own, conversation, ts }));
    },
    async standing(channelName) {
      const rows = await query<{ action_id: string }>(
        pool,
        `select distinct action_id from countersign.channel_messages
         where channel_name = $1 and state <> 'absent' order by action_id limit 500`,
        [channelName],
      );
      return rows.map((row) => row.action_id);
    },
    async isKept(channelName, { conversation, ts }) {
      const rows = await query(
        pool,
        // Teams names a thread by its channel, and what follows a semicolon.
        `select from countersign.channel_messages
         where channel_name = $1 and split_part(conversation, ';', 1) = $2 and message_ts = $3 limit 1`,
        [channelName, conversation, ts],
      );
      return rows.length > 0;
    },
  };
}

function values({ channelName, actionId, slot }: MessageKey): unknown[] {
  return [channelName, actionId, slot];
}

function addressOf({ conversation, message_ts }: Row): MessageAddress | undefined {
  return message_ts === null ? undefined : { conversation, ts: message_ts };
}
