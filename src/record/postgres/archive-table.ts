import type { RecordRoles } from './migrations.js';

/**
 * What the notary archives of ended actions, for the record's migrations: it puts into the content store, names what is to
 * stay there, and that can no longer be removed, by whomever.
 */
export function archiveSql({ gateway, worker, executor, notary }: RecordRoles): string {
  return `
  create table countersign.archived_contents (
    digest text collate "C" primary key check (digest ~ '^[0-9a-f]{64}$'),
    -- Of a policy bundle's files: the bundle's own digest.
    policy_digest text collate "C" check (policy_digest ~ '^[0-9a-f]{64}$'),
    archived_at timestamptz not null default clock_timestamp()
  );
  create index on countersign.archived_contents (policy_digest);
  create trigger append_only before update or delete or truncate on countersign.archived_contents
    for each statement execute function countersign.refuse_change();
  alter table countersign.archived_contents enable row level security;
  create policy read_all on countersign.archived_contents for select using (true);
  create policy archives on countersign.archived_contents for insert to ${notary} with check (true);
  grant select on countersign.archived_contents to ${gateway}, ${worker}, ${executor}, ${notary};
  grant insert (digest, policy_digest) on countersign.archived_contents to ${notary};
  create function countersign.keep_archived() returns trigger language plpgsql as $$
  begin
    if exists (select from countersign.archived_contents where digest = old.digest) then
      raise exception 'countersign.contents: what is archived stays' using errcode = 'insufficient_privilege';
    end if;
    return old;
  end $$;
  -- By its name before the trigger that looks at the age.
  create trigger archived_stays before delete on countersign.contents
    for each row execute function countersign.keep_archived();
  create policy notary_puts on countersign.contents for insert to ${notary} with check (true);
  create policy notary_uses on countersign.contents for update to ${notary} using (true) with check (true);
  grant insert (digest, wrapped_key, nonce, sealed), update (used_at) on countersign.contents to ${notary};
  create policy notary_archives on countersign.statements for insert to ${notary} with check (
    process = 'notary' and kind in ('archive'));
  create index statements_receipts_in_order on countersign.statements (sequence) where kind = 'receipt';`;
}
