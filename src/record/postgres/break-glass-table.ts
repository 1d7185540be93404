import { GLASS_KEY_END } from '../debts.js';
import type { RecordRoles } from './migrations.js';

/** Rights and an index for broken glasses and their reviews, for the record's migrations. */
export function breakGlassSql({ gateway }: RecordRoles): string {
  return `
  create policy gateway_looks_back on countersign.statements for insert to ${gateway} with check (
    process = 'gateway' and kind in ('retrospective', 'incident') and action_id is not null);
  create index statements_broken_glass on countersign.statements (action_id)
    where kind in ('claim', 'decision') and key like '%${GLASS_KEY_END}';`;
}
