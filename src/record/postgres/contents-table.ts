/** Table and rights of the content store, for the record's migrations: gateway and worker put, all four get. */
export function contentsSql(roles: { gateway: string; worker: string; executor: string; notary: string }): string {
  const { gateway, worker, executor, notary } = roles;
  return `
  create table countersign.contents (
    digest text collate "C" primary key check (digest ~ '^[0-9a-f]{64}$'),
    wrapped_key text not null check (length(wrapped_key) <= 300),
    nonce bytea not null check (octet_length(nonce) = 12),
    sealed bytea not null check (octet_length(sealed) between 16 and 16777232),
    stored_at timestamptz not null default clock_timestamp()
  );
  -- Ciphertext does not compress.
  alter table countersign.contents alter column sealed set storage external;
  create trigger append_only before update or delete or truncate on countersign.contents
    for each statement execute function countersign.refuse_change();
  alter table countersign.contents enable row level security;
  create policy read_all on countersign.contents for select using (true);
  create policy puts on countersign.contents for insert to ${gateway}, ${worker} with check (true);
  grant select on countersign.contents to ${gateway}, ${worker}, ${executor}, ${notary};
  grant insert (digest, wrapped_key, nonce, sealed) on countersign.contents to ${gateway}, ${worker};
  -- Beside the policy gateway_says: what one of them lets through, goes.
  create policy gateway_attaches on countersign.statements for insert to ${gateway} with check (
    process = 'gateway' and kind in ('attachment'));`;
}
