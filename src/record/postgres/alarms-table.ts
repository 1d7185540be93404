import type { RecordRoles } from './migrations.js';

/** Rights and indexes for alarms and their clearances, for the record's migrations. */
export function alarmsSql({ gateway, worker, executor, notary }: RecordRoles): string {
  const roles = { gateway, worker, executor, notary };
  return `
  alter table countersign.statements drop constraint statements_check2;
  -- Which kinds may be about no action, the processes judge (KINDS_WITHOUT_ACTION): these never are.
  alter table countersign.statements add constraint about_an_action
    check (action_id is not null or kind not in ('request', 'withdrawal', 'decision', 'claim', 'lease', 'effect', 'result', 'revocation', 'receipt'));
  ${Object.entries(roles)
    .map(
      ([process, role]) => `create policy ${process}_alarms on countersign.statements for insert to ${role} with check (
    process = '${process}' and kind = 'alarm');`,
    )
    .join('\n  ')}
  create policy gateway_clears on countersign.statements for insert to ${gateway} with check (
    process = 'gateway' and kind = 'clearance');
  create index statements_alarms on countersign.statements (sequence) where kind in ('alarm', 'clearance');`;
}
