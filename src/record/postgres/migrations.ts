import { endedSessionsSql } from '../../channels/api/page/ended-sessions.js';
import { heldRemindersSql, reminderDigestsSql } from '../../channels/message/digest-store.js';
import { adoptMessagesSql, channelMessagesSql, messageSubjectsSql } from '../../channels/message/message-store.js';
import { teamsConversationsSql } from '../../channels/teams/conversation-store.js';
import { webhookAlarmsSql, webhookDeliveriesSql } from '../../channels/webhook/delivery-log.js';
import { ledgerAlarmsSql, ledgerSql } from '../../ledger/postgres/ledger-tables.js';
import { siemCursorsSql } from '../../siem/cursors.js';
import { alarmsSql } from './alarms-table.js';
import { breakGlassSql } from './break-glass-table.js';
import { archiveSql } from './archive-table.js';
import { changeNoticesSql, planNoticesSql } from './change-notices.js';
import { contentRetentionSql } from './content-retention-table.js';
import { contentsSql } from './contents-table.js';
import { freezesByPeopleSql } from './freezes-by-people-table.js';
import { followingRowsSql } from './following-rows.js';
import { freezesSql } from './freezes-table.js';
import { governedPolicySql } from './governed-policy-table.js';
import { joiningSql } from './joining.js';
import { effectTimesSql } from './read-effects.js';
import { sourceUploadsSql } from './source-uploads-table.js';
import { ACTION_ENDED } from './sql-states.js';

/** The four processes' login roles, by the prefix that the installation gives them. */
export interface RecordRoles {
  gateway: string;
  worker: string;
  executor: string;
  notary: string;
}

/** One step of the schema. Applied ones are never edited: their digest is kept and compared. */
export interface Migration {
  number: number;
  name: string;
  sql(roles: RecordRoles): string;
}

/** The names of the roles under a prefix such as `countersign_`. */
export function recordRoles(rolePrefix: string): RecordRoles {
  if (!/^[a-z][a-z0-9_]{0,40}$/.test(rolePrefix))
    throw new Error(`recordRoles: "${rolePrefix}" is not a prefix of lower-case letters, digits and _`);
  return {
    gateway: `${rolePrefix}gateway`,
    worker: `${rolePrefix}worker`,
    executor: `${rolePrefix}executor`,
    notary: `${rolePrefix}notary`,
  };
}

const statements = `
  create table countersign.statements (
    sequence bigint generated always as identity primary key,
    kind text not null check (kind ~ '^[a-z_]{1,40}$'),
    action_id text collate "C" check (length(action_id) = 26),
    digest text collate "C" not null unique check (digest ~ '^[0-9a-f]{64}$'),
    process text check (process in ('gateway', 'worker', 'executor', 'notary')),
    number bigint check (number > 0),
    previous text collate "C" check (previous ~ '^[0-9a-f]{64}$'),
    key text check (length(key) <= 300),
    envelope text not null check (length(envelope) <= 1000000),
    recorded_at_ms bigint not null default (extract(epoch from clock_timestamp()) * 1000)::bigint,
    -- What an agent signed is in no process's chain; everything else is.
    check ((process is null) = (kind in ('request', 'withdrawal'))),
    check ((process is null) = (number is null) and (process is null) = (previous is null)),
    check (action_id is not null or kind = 'refusal'),
    unique (process, number)
  );
  create index on countersign.statements (action_id, sequence);
  create unique index statements_once on countersign.statements (coalesce(action_id, ''), kind, key) where key is not null;
  create index statements_receipts on countersign.statements (action_id) where kind = 'receipt';
  create table countersign.requests (
    action_id text collate "C" primary key check (length(action_id) = 26),
    agent text collate "C" not null,
    -- Digest of the request's body: the subject of every statement about the action.
    digest text collate "C" not null check (digest ~ '^[0-9a-f]{64}$'),
    recorded_at_ms bigint not null default (extract(epoch from clock_timestamp()) * 1000)::bigint
  );
  create index on countersign.requests (agent, action_id);`;

const claimsAndLeases = `
  create table countersign.claims (
    action_id text collate "C" not null check (length(action_id) = 26),
    step text collate "C" not null check (length(step) <= 63),
    attempt integer not null check (attempt > 0),
    run_id text not null check (length(run_id) <= 100),
    claimed_at timestamptz not null default clock_timestamp(),
    primary key (action_id, step, attempt)
  );
  create table countersign.effects (
    action_id text collate "C" not null,
    step text collate "C" not null,
    attempt integer not null,
    started_at timestamptz not null default clock_timestamp(),
    primary key (action_id, step),
    foreign key (action_id, step, attempt) references countersign.claims
  );
  -- Once an action has ended, no effect of it may begin; a receipt is signed only behind this row.
  create table countersign.action_ends (
    action_id text collate "C" primary key check (length(action_id) = 26),
    ended_at timestamptz not null default clock_timestamp()
  );
  create table countersign.leases (
    accessor text collate "C" primary key check (length(accessor) <= 200),
    action_id text collate "C" not null check (length(action_id) = 26),
    step text collate "C" not null check (length(step) <= 63),
    purpose text not null check (purpose in ('preview', 'execute')),
    target text not null check (length(target) <= 63),
    token_role text not null check (length(token_role) <= 200),
    run_id text not null check (length(run_id) <= 100),
    leased_at_ms bigint not null,
    ttl_seconds integer not null check (ttl_seconds > 0)
  );
  create index on countersign.leases (action_id);
  create table countersign.lease_credentials (
    lease_id text collate "C" primary key check (length(lease_id) <= 500),
    accessor text collate "C" not null references countersign.leases,
    vault_role text not null check (length(vault_role) <= 200),
    username text not null check (length(username) <= 200),
    target text not null check (length(target) <= 63)
  );
  create index on countersign.lease_credentials (accessor);
  create table countersign.lease_closures (
    accessor text collate "C" primary key references countersign.leases,
    proven_at_ms bigint not null
  );`;

const appendOnly = `
  create function countersign.refuse_change() returns trigger language plpgsql as $$
  begin
    raise exception 'countersign.% is append-only: % is refused', tg_table_name, tg_op using errcode = 'insufficient_privilege';
  end $$;
  do $$
  declare name text;
  begin
    foreach name in array array['statements', 'requests', 'claims', 'effects', 'action_ends', 'leases', 'lease_credentials', 'lease_closures'] loop
      execute format('create trigger append_only before update or delete or truncate on countersign.%I for each statement execute function countersign.refuse_change()', name);
      execute format('alter table countersign.%I enable row level security', name);
      execute format('create policy read_all on countersign.%I for select using (true)', name);
    end loop;
  end $$;`;

/** Who may insert what. Reading is for all four; nobody may change or remove a row. */
function rights({ gateway, worker, executor, notary }: RecordRoles): string {
  const all = `${gateway}, ${worker}, ${executor}, ${notary}`;
  return `
  revoke all on schema countersign from public;
  grant usage on schema countersign to ${all};
  grant select on all tables in schema countersign to ${all};
  -- Column by column, so that nobody chooses the time or the order of a row.
  grant insert (kind, action_id, digest, process, number, previous, key, envelope) on countersign.statements to ${all};
  grant insert (action_id, agent, digest) on countersign.requests to ${gateway}, ${worker};
  grant insert (action_id, step, attempt, run_id) on countersign.claims to ${executor};
  grant insert (action_id, step, attempt) on countersign.effects to ${executor};
  grant insert (action_id) on countersign.action_ends to ${notary};
  grant insert on countersign.leases, countersign.lease_credentials to ${worker}, ${executor};
  grant insert on countersign.lease_closures to ${notary};

  create policy gateway_says on countersign.statements for insert to ${gateway} with check (
    (process = 'gateway' and kind in ('decision', 'fetch', 'refusal')) or (process is null and kind in ('request', 'withdrawal')));
  create policy worker_says on countersign.statements for insert to ${worker} with check (
    (process = 'worker' and kind in ('preview', 'plan', 'escalation', 'lease', 'credential', 'refusal'))
    or (process is null and kind in ('request', 'withdrawal')));
  create policy executor_says on countersign.statements for insert to ${executor} with check (
    process = 'executor' and kind in ('claim', 'lease', 'credential', 'effect', 'result', 'refusal'));
  create policy notary_says on countersign.statements for insert to ${notary} with check (
    process = 'notary' and kind in ('revocation', 'receipt', 'refusal'));
  create policy admits on countersign.requests for insert to ${gateway}, ${worker} with check (true);
  create policy claims on countersign.claims for insert to ${executor} with check (true);
  create policy begins on countersign.effects for insert to ${executor} with check (true);
  create policy ends on countersign.action_ends for insert to ${notary} with check (true);
  create policy leases_for_preview on countersign.leases for insert to ${worker} with check (purpose = 'preview');
  create policy leases_for_execution on countersign.leases for insert to ${executor} with check (purpose = 'execute');
  create policy issues_for_preview on countersign.lease_credentials for insert to ${worker} with check (
    exists (select from countersign.leases l where l.accessor = lease_credentials.accessor and l.purpose = 'preview'));
  create policy issues_for_execution on countersign.lease_credentials for insert to ${executor} with check (
    exists (select from countersign.leases l where l.accessor = lease_credentials.accessor and l.purpose = 'execute'));
  create policy closes on countersign.lease_closures for insert to ${notary} with check (true);`;
}

// Not all that Vault issues has a lease of its own: SSH certificates, or the token itself.
const oneCredentialPerLease = `
  alter table countersign.lease_credentials drop constraint lease_credentials_pkey;
  alter table countersign.lease_credentials alter column lease_id drop not null;
  alter table countersign.lease_credentials add primary key (accessor);
  alter table countersign.lease_credentials add unique (lease_id);
  drop index if exists countersign.lease_credentials_accessor_idx;`;

// An action may need more than one: a database user, and keys of a cloud. Each is of another role.
const severalCredentials = `
  alter table countersign.lease_credentials drop constraint lease_credentials_pkey;
  alter table countersign.lease_credentials add primary key (accessor, vault_role);`;

/** The gateway states on whose behalf an agent asked. */
const provenance = `
  alter policy gateway_says on countersign.statements with check (
    (process = 'gateway' and kind in ('decision', 'fetch', 'provenance', 'refusal')) or (process is null and kind in ('request', 'withdrawal')));`;

// The receipt says that every lease has ended: none may come behind it. The lock is the one under which an action ends.
const noLeaseAfterEnd = `
  create function countersign.refuse_lease_after_end() returns trigger language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(hashtextextended('countersign.claim/' || new.action_id, 0));
    if exists (select from countersign.action_ends where action_id = new.action_id) then
      raise exception 'countersign.leases: the action has ended' using errcode = '${ACTION_ENDED}';
    end if;
    return new;
  end $$;
  create trigger not_after_the_end before insert on countersign.leases
    for each row execute function countersign.refuse_lease_after_end();`;

// A lease is closed once all that was issued under it is proven gone: nothing may be noted under it behind that.
const noCredentialAfterProof = `
  create function countersign.lock_lease() returns trigger language plpgsql as $$
  begin
    perform pg_advisory_xact_lock(hashtextextended('countersign.lease/' || new.accessor, 0));
    if tg_table_name = 'lease_credentials' and exists (select from countersign.lease_closures where accessor = new.accessor) then
      raise exception 'countersign.lease_credentials: the lease has ended' using errcode = '${ACTION_ENDED}';
    end if;
    return new;
  end $$;
  create trigger not_behind_its_end before insert on countersign.lease_credentials
    for each row execute function countersign.lock_lease();
  create trigger not_beside_a_credential before insert on countersign.lease_closures
    for each row execute function countersign.lock_lease();`;

/** The worker leases for previews: what is stolen there, it tells. */
function stolenLeases({ worker }: RecordRoles): string {
  return `
  create policy worker_tells_of_stolen_leases on countersign.statements for insert to ${worker} with check (
    process = 'worker' and kind in ('incident') and action_id is not null and key like 'lease/%');`;
}

/** The schema of the record, in order. */
export const migrations: readonly Migration[] = [
  { number: 1, name: 'statements', sql: () => statements },
  { number: 2, name: 'claims and leases', sql: () => claimsAndLeases },
  { number: 3, name: 'append only', sql: () => appendOnly },
  { number: 4, name: 'rights', sql: rights },
  { number: 5, name: 'channel messages', sql: channelMessagesSql },
  { number: 6, name: 'one credential per lease', sql: () => oneCredentialPerLease },
  { number: 7, name: 'provenance', sql: () => provenance },
  { number: 8, name: 'contents', sql: contentsSql },
  { number: 9, name: 'incidents and freezes', sql: freezesSql },
  { number: 10, name: 'several credentials per lease', sql: () => severalCredentials },
  { number: 11, name: 'change notices', sql: changeNoticesSql },
  { number: 12, name: 'ended sessions', sql: endedSessionsSql },
  { number: 13, name: 'no lease after the end', sql: () => noLeaseAfterEnd },
  { number: 14, name: 'retention of contents', sql: contentRetentionSql },
  { number: 15, name: 'source uploads', sql: sourceUploadsSql },
  { number: 16, name: 'teams conversations', sql: teamsConversationsSql },
  { number: 17, name: 'webhook deliveries', sql: webhookDeliveriesSql },
  { number: 18, name: 'reminder digests', sql: reminderDigestsSql },
  { number: 19, name: 'alarms', sql: alarmsSql },
  { number: 20, name: 'ledger', sql: ledgerSql },
  { number: 22, name: 'siem cursors', sql: siemCursorsSql },
  { number: 23, name: 'governed policy', sql: governedPolicySql },
  { number: 25, name: 'freezes by people', sql: freezesByPeopleSql },
  { number: 26, name: 'alarms of the ledger', sql: ledgerAlarmsSql },
  { number: 27, name: 'archive', sql: archiveSql },
  { number: 29, name: 'joining', sql: joiningSql },
  { number: 30, name: 'effects by time', sql: effectTimesSql },
  { number: 31, name: 'held reminders', sql: heldRemindersSql },
  { number: 32, name: 'found messages', sql: adoptMessagesSql },
  { number: 33, name: 'no credential after the proof', sql: () => noCredentialAfterProof },
  { number: 34, name: 'webhooks about alarms', sql: webhookAlarmsSql },
  { number: 35, name: 'break glass', sql: breakGlassSql },
  { number: 36, name: 'messages about alarms and freezes', sql: messageSubjectsSql },
  { number: 37, name: 'notices of plans', sql: planNoticesSql },
  { number: 38, name: 'rows that follow from statements', sql: followingRowsSql },
  { number: 39, name: 'stolen leases', sql: stolenLeases },
];
