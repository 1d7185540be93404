/** Days that anything is kept at least, whatever the notary is told. Requests live for 14. */
export const CONTENT_KEPT_DAYS = 30;

/**
 * The content store removes by age, for the record's migrations. When a thing was last put or used is all that can be
 * changed of it; the notary alone removes, nothing that is younger than 30 days, and never without a trace.
 */
export function contentRetentionSql(roles: {
  gateway: string;
  worker: string;
  executor: string;
  notary: string;
}): string {
  const { gateway, worker, executor, notary } = roles;
  return `
  alter table countersign.contents add column used_at timestamptz not null default clock_timestamp();
  create index on countersign.contents (used_at);
  create table countersign.content_removals (
    digest text collate "C" not null,
    removed_at timestamptz not null default clock_timestamp()
  );
  create index on countersign.content_removals (digest);
  create trigger append_only before update or delete or truncate on countersign.content_removals
    for each statement execute function countersign.refuse_change();
  alter table countersign.content_removals enable row level security;
  create policy read_all on countersign.content_removals for select using (true);
  grant select on countersign.content_removals to ${gateway}, ${worker}, ${executor}, ${notary};

  -- As its owner, so that who removes a thing cannot leave out that it did.
  create function countersign.keep_contents() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  begin
    if tg_op = 'UPDATE' then
      if (new.digest, new.wrapped_key, new.nonce, new.sealed, new.stored_at)
         is distinct from (old.digest, old.wrapped_key, old.nonce, old.sealed, old.stored_at) then
        raise exception 'countersign.contents: what is kept is never changed' using errcode = 'insufficient_privilege';
      end if;
      new.used_at := clock_timestamp();
      return new;
    end if;
    if old.used_at > clock_timestamp() - interval '${String(CONTENT_KEPT_DAYS)} days' then
      raise exception 'countersign.contents: everything is kept for ${String(CONTENT_KEPT_DAYS)} days' using errcode = 'insufficient_privilege';
    end if;
    insert into countersign.content_removals (digest) values (old.digest);
    return old;
  end $$;
  drop trigger append_only on countersign.contents;
  create trigger append_only before truncate on countersign.contents
    for each statement execute function countersign.refuse_change();
  create trigger keeps before update or delete on countersign.contents
    for each row execute function countersign.keep_contents();
  create policy uses on countersign.contents for update to ${gateway}, ${worker} using (true) with check (true);
  grant update (used_at) on countersign.contents to ${gateway}, ${worker};
  create policy removes on countersign.contents for delete to ${notary} using (true);
  grant delete on countersign.contents to ${notary};`;
}
