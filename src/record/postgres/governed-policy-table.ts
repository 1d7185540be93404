import type { RecordRoles } from './migrations.js';

/** A bundle as JSON in UTF-8: Vault keeps no larger value in one piece (512 KiB in Consul, 1 MiB in its own storage). */
export const BUNDLE_DOCUMENT_BYTES = 480 * 1024;

/**
 * Rights for statements about which policy bundle a process judges by, and a second place for the bundles themselves: what
 * somebody removes from Vault is still there when a process starts. For the record's migrations.
 */
export function governedPolicySql({ gateway, worker, executor, notary }: RecordRoles): string {
  const roles = { gateway, worker, executor, notary };
  const all = Object.values(roles).join(', ');
  return `
  ${Object.entries(roles)
    .map(
      ([process, role]) => `create policy ${process}_adopts on countersign.statements for insert to ${role} with check (
    process = '${process}' and kind in ('adoption'));`,
    )
    .join('\n  ')}
  create index statements_adoptions on countersign.statements (process, sequence) where kind = 'adoption';
  -- Named by the content itself, so that nobody takes another's place; whoever reads one decides its change again.
  create table countersign.policy_bundles (
    document text not null check (octet_length(document) <= ${String(BUNDLE_DOCUMENT_BYTES)}),
    number integer not null check (number > 0),
    change text collate "C" not null check (length(change) = 26),
    recorded_at timestamptz not null default clock_timestamp()
  );
  create unique index on countersign.policy_bundles (number, change, md5(document));
  create trigger append_only before update or delete or truncate on countersign.policy_bundles
    for each statement execute function countersign.refuse_change();
  alter table countersign.policy_bundles enable row level security;
  create policy read_all on countersign.policy_bundles for select using (true);
  create policy keeps on countersign.policy_bundles for insert to ${all} with check (true);
  grant select, insert (document, number, change) on countersign.policy_bundles to ${all};`;
}
