import type pg from 'pg';
import { sha256Hex } from '../../core/json.js';
import { query } from '../../record/postgres/pool.js';

/** `pending`: is still tried. `failed`: given up. */
export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** What the log shows of a message; never its payload. */
export interface Delivery {
  id: string;
  endpoint: string;
  /** Null when it tells of no action, but of an alarm or a freeze. */
  actionId: string | null;
  /** Digest of the alarm or freeze that it tells of; null when it tells of an action. */
  statement: string | null;
  /** Why the channel was told, e.g. `opened`, `alarm.raised`. */
  event: string;
  state: DeliveryState;
  attempts: number;
  /** HTTP status of the last answer; null before the first, or where none came. */
  lastStatus: number | null;
  /** SHA-256 of the body. */
  payloadSha256: string;
  createdAtMs: number;
  /** When the next attempt is due; null unless pending. */
  dueAtMs: number | null;
  deliveredAtMs: number | null;
  /** Who last had it sent again. */
  replayedBy: string | null;
}

/** A message whose turn it is. */
export interface DueDelivery {
  id: string;
  endpoint: string;
  payload: string;
  /** Counting the one that is to come. */
  attempts: number;
  /** Since when it is tried: from its addition, or its replay. */
  sinceMs: number;
}

export interface DeliveryFilter {
  actionId?: string;
  state?: DeliveryState;
  limit: number;
  /** Only older ones: `next` of the page before. */
  before?: string;
}

/** A message to be sent: of an action, or of a statement about none. */
export type NewDelivery = { id: string; endpoint: string; event: string; payload: string } & (
  { actionId: string } | { statement: string }
);

/** The outbox of webhooks, and what became of it. */
export interface DeliveryLog {
  /** Adds a message once, whoever tells it again. */
  add(message: NewDelivery): Promise<void>;
  /**
   * Takes messages of a receiver that are due, for a minute: of each action, alarm and freeze only the oldest that is not yet settled, so that they
   * arrive in order.
   */
  take(endpoint: string, limit: number): Promise<DueDelivery[]>;
  /** Notes how an attempt ended, unless another began since. `retryInMs`: null where no other follows. */
  settle(
    delivery: Pick<DueDelivery, 'id' | 'attempts'>,
    attempt: { state: DeliveryState; status: number | null; retryInMs: number | null },
  ): Promise<void>;
  list(filter: DeliveryFilter): Promise<{ deliveries: Delivery[]; next: string | null }>;
  /** Has it sent again, with its old id. Undefined: there is none of this id. */
  replay(id: string, by: string): Promise<Delivery | undefined>;
  /** @returns how many older ones were removed. */
  removeOlderThan(ageMs: number): Promise<number>;
}

/** Longer than an attempt may take. */
const TAKEN_MS = 60_000;

/** What messages are kept in order for. */
const SUBJECT = `coalesce(action_id, statement)`;

/** Table and rights, for the record's migrations. The gateway shows it, and may ask that a message be sent again. */
export function webhookDeliveriesSql(roles: { gateway: string; worker: string; notary: string }): string {
  const { gateway, worker, notary } = roles;
  return `
  create table countersign.webhook_deliveries (
    sequence bigint generated always as identity primary key,
    id text collate "C" not null unique check (id ~ '^msg_[0-9a-f]{32}$'),
    endpoint text collate "C" not null check (length(endpoint) <= 63),
    action_id text collate "C" not null check (length(action_id) = 26),
    event text not null check (length(event) <= 20),
    payload text not null check (octet_length(payload) <= 1000000),
    payload_sha256 text collate "C" not null check (payload_sha256 ~ '^[0-9a-f]{64}$'),
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts integer not null default 0,
    last_status integer,
    created_at timestamptz not null default clock_timestamp(),
    since timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp(),
    delivered_at timestamptz,
    replayed_by text check (length(replayed_by) <= 100)
  );
  create index on countersign.webhook_deliveries (endpoint, action_id, sequence) where state = 'pending';
  create index on countersign.webhook_deliveries (action_id, sequence);
  create index on countersign.webhook_deliveries (created_at);
  grant select on countersign.webhook_deliveries to ${gateway}, ${worker}, ${notary};
  grant insert (id, endpoint, action_id, event, payload, payload_sha256) on countersign.webhook_deliveries to ${worker}, ${notary};
  grant update (state, attempts, last_status, due_at, delivered_at) on countersign.webhook_deliveries to ${worker}, ${notary};
  grant update (state, since, due_at, replayed_by) on countersign.webhook_deliveries to ${gateway};
  grant delete on countersign.webhook_deliveries to ${notary};`;
}

/** Messages about alarms and freezes, which only the notary tells, for the record's migrations. */
export function webhookAlarmsSql({ notary }: { notary: string }): string {
  return `
  alter table countersign.webhook_deliveries
    alter column action_id drop not null,
    add column statement text collate "C" check (statement ~ '^[0-9a-f]{64}$'),
    add constraint about_one_thing check ((action_id is null) <> (statement is null));
  drop index countersign.webhook_deliveries_endpoint_action_id_sequence_idx;
  create index on countersign.webhook_deliveries (endpoint, ${SUBJECT}, sequence) where state = 'pending';
  grant insert (statement) on countersign.webhook_deliveries to ${notary};`;
}

const SHOWN = `sequence, id, endpoint, action_id, statement, event, state, attempts, last_status, payload_sha256, created_at,
  case when state = 'pending' then due_at end as due_at, delivered_at, replayed_by`;

/** The log in PostgreSQL. Its clock is the database's, for several processes take from it. */
export function createDeliveryLog(pool: pg.Pool): DeliveryLog {
  return {
    async add({ id, endpoint, event, payload, ...about }) {
      const [column, subject] = 'actionId' in about ? ['action_id', about.actionId] : ['statement', about.statement];
      await query(
        pool,
        `insert into countersign.webhook_deliveries (id, endpoint, ${column}, event, payload, payload_sha256)
         values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing`,
        [id, endpoint, subject, event, payload, sha256Hex(payload)],
      );
    },
    async take(endpoint, limit) {
      const rows = await query<{ id: string; payload: string; attempts: number; since: Date }>(
        pool,
        `update countersign.webhook_deliveries d set due_at = clock_timestamp() + $3 * interval '1 ms', attempts = d.attempts + 1
         where d.state = 'pending' and d.id in (
           select w.id from countersign.webhook_deliveries w
           where w.endpoint = $1 and w.state = 'pending' and w.due_at <= clock_timestamp() and not exists (
             select from countersign.webhook_deliveries earlier
             where earlier.endpoint = w.endpoint and coalesce(earlier.action_id, earlier.statement) = coalesce(w.action_id, w.statement)
               and earlier.state = 'pending'
               and earlier.sequence < w.sequence)
           order by w.due_at limit $2 for update skip locked)
         returning d.id, d.payload, d.attempts, d.since`,
        [endpoint, limit, TAKEN_MS],
      );
      return rows.map(({ since, ...row }) => ({ ...row, endpoint, sinceMs: since.getTime() }));
    },
    async settle({ id, attempts }, { state, status, retryInMs }) {
      await query(
        pool,
        `update countersign.webhook_deliveries set state = $2, last_status = $3,
           due_at = clock_timestamp() + $4 * interval '1 ms',
           delivered_at = case when $2 = 'delivered' then clock_timestamp() else delivered_at end
         where id = $1 and attempts = $5`,
        [id, state, status, retryInMs ?? 0, attempts],
      );
    },
    list: (filter) => listDeliveries(pool, filter),
    async replay(id, by) {
      const [row] = await query<Row>(
        pool,
        `update countersign.webhook_deliveries
         set state = 'pending', since = clock_timestamp(), due_at = clock_timestamp(), replayed_by = $2
         where id = $1 returning ${SHOWN}`,
        [id, by],
      );
      return row === undefined ? undefined : deliveryOf(row);
    },
    async removeOlderThan(ageMs) {
      const removed = await query(
        pool,
        `delete from countersign.webhook_deliveries where sequence in (
           select sequence from countersign.webhook_deliveries
           where created_at < clock_timestamp() - $1 * interval '1 ms' order by created_at limit 1000)
         returning 1`,
        [ageMs],
      );
      return removed.length;
    },
  };
}

async function listDeliveries(
  pool: pg.Pool,
  {
    actionId = null,
    state = null,
    limit,
    before = null,
  }: { [K in keyof DeliveryFilter]: DeliveryFilter[K] | null } & {
    limit: number;
  },
): Promise<{ deliveries: Delivery[]; next: string | null }> {
  const rows = await query<Row>(
    pool,
    `select ${SHOWN} from countersign.webhook_deliveries
     where ($1::text is null or action_id = $1) and ($2::text is null or state = $2) and ($3::bigint is null or sequence < $3)
     order by sequence desc limit $4`,
    [actionId, state, before, limit + 1],
  );
  const page = rows.slice(0, limit);
  return { deliveries: page.map(deliveryOf), next: rows.length > limit ? (page.at(-1)?.sequence ?? null) : null };
}

interface Row {
  sequence: string;
  id: string;
  endpoint: string;
  action_id: string | null;
  statement: string | null;
  event: string;
  state: DeliveryState;
  attempts: number;
  last_status: number | null;
  payload_sha256: string;
  created_at: Date;
  due_at: Date | null;
  delivered_at: Date | null;
  replayed_by: string | null;
}

function deliveryOf(row: Row): Delivery {
  return {
    id: row.id,
    endpoint: row.endpoint,
    actionId: row.action_id,
    statement: row.statement,
    event: row.event,
    state: row.state,
    attempts: row.attempts,
    lastStatus: row.last_status,
    payloadSha256: row.payload_sha256,
    createdAtMs: row.created_at.getTime(),
    dueAtMs: row.due_at?.getTime() ?? null,
    deliveredAtMs: row.delivered_at?.getTime() ?? null,
    replayedBy: row.replayed_by,
  };
}
