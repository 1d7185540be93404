import type { RecordRoles } from './migrations.js';

/** Rights and indexes for incidents and freezes, for the record's migrations. */
export function freezesSql({ gateway, executor }: RecordRoles): string {
  return `
  -- Beside the policies executor_says and gateway_says: what one of them lets through, goes.
  create policy executor_freezes on countersign.statements for insert to ${executor} with check (
    process = 'executor' and kind in ('incident', 'freeze'));
  create policy gateway_unfreezes on countersign.statements for insert to ${gateway} with check (
    process = 'gateway' and kind in ('unfreeze'));
  -- The key of a freeze is its agent. Asked before each request and each effect.
  create index statements_freezes on countersign.statements (key) where kind = 'freeze';
  create index statements_unfreezes on countersign.statements (action_id) where kind = 'unfreeze';
  create index statements_incidents on countersign.statements (sequence) where kind = 'incident';`;
}
