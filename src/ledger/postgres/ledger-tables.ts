import type { RecordRoles } from '../../record/postgres/migrations.js';

/**
 * Which entries are alarms, so that one whose row was removed is missed by whoever asks whether one stands. For the
 * record's migrations.
 */
export function ledgerAlarmsSql({ notary }: RecordRoles): string {
  return `
  -- Of an alarm, the digest of its payload. Not signed: the check of the ledger compares it with the statement.
  alter table countersign.ledger_entries add column alarm_digest text collate "C" check (alarm_digest ~ '^[0-9a-f]{64}$');
  alter table countersign.ledger_entries disable trigger append_only;
  update countersign.ledger_entries e set alarm_digest = s.digest
    from countersign.statements s where s.sequence = e.sequence and s.kind = 'alarm';
  alter table countersign.ledger_entries enable trigger append_only;
  create index ledger_alarms on countersign.ledger_entries (sequence) where alarm_digest is not null;
  grant insert (alarm_digest) on countersign.ledger_entries to ${notary};`;
}

/**
 * The ledger, for the record's migrations: nobody may change or remove a row, and only the notary adds some. An entry
 * names its statement without a reference, so that what the ledger says outlives a statement that was removed.
 */
export function ledgerSql({ gateway, worker, executor, notary }: RecordRoles): string {
  return `
  create table countersign.ledger_entries (
    entry_index bigint primary key check (entry_index >= 0),
    sequence bigint not null unique,
    leaf_hash bytea not null check (octet_length(leaf_hash) = 32),
    entry bytea not null check (octet_length(entry) <= 65535)
  );
  -- Full tiles only: what a partial one has is read from the entries, or from the roots of the tiles below it.
  create table countersign.ledger_tiles (
    level smallint not null check (level between 0 and 63),
    tile_index bigint not null check (tile_index >= 0),
    root bytea not null check (octet_length(root) = 32),
    hashes bytea not null check (octet_length(hashes) = 8192),
    primary key (level, tile_index)
  );
  -- One for a size: a second root of the same size has no room.
  create table countersign.ledger_checkpoints (
    size bigint primary key check (size > 0),
    note text not null check (length(note) <= 10000),
    signed_at_ms bigint not null default (extract(epoch from clock_timestamp()) * 1000)::bigint
  );
  do $$
  declare name text;
  begin
    foreach name in array array['ledger_entries', 'ledger_tiles', 'ledger_checkpoints'] loop
      execute format('create trigger append_only before update or delete or truncate on countersign.%I for each statement execute function countersign.refuse_change()', name);
      execute format('alter table countersign.%I enable row level security', name);
      execute format('create policy read_all on countersign.%I for select using (true)', name);
      execute format('create policy sequences on countersign.%I for insert to ${notary} with check (true)', name);
      execute format('grant select on countersign.%I to ${gateway}, ${worker}, ${executor}, ${notary}', name);
    end loop;
  end $$;
  grant insert (entry_index, sequence, leaf_hash, entry) on countersign.ledger_entries to ${notary};
  grant insert (level, tile_index, root, hashes) on countersign.ledger_tiles to ${notary};
  grant insert (size, note) on countersign.ledger_checkpoints to ${notary};`;
}
