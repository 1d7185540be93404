/** Who uploaded what, for the record's migrations: the gateway notes it, all four read it. */
export function sourceUploadsSql(roles: { gateway: string; worker: string; executor: string; notary: string }): string {
  const { gateway, worker, executor, notary } = roles;
  return `
  create table countersign.source_uploads (
    digest text collate "C" not null check (digest ~ '^[0-9a-f]{64}$'),
    agent text collate "C" not null check (length(agent) between 1 and 63),
    bytes integer not null check (bytes > 0),
    uploaded_at timestamptz not null default clock_timestamp(),
    primary key (digest, agent)
  );
  create index on countersign.source_uploads (agent, uploaded_at);
  create trigger append_only before update or delete or truncate on countersign.source_uploads
    for each statement execute function countersign.refuse_change();
  alter table countersign.source_uploads enable row level security;
  create policy read_all on countersign.source_uploads for select using (true);
  create policy notes on countersign.source_uploads for insert to ${gateway} with check (true);
  grant select on countersign.source_uploads to ${gateway}, ${worker}, ${executor}, ${notary};
  grant insert (digest, agent, bytes) on countersign.source_uploads to ${gateway};`;
}
