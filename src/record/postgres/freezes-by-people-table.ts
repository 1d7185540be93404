import { CHANGE_CHANNELS } from './change-notices.js';
import type { RecordRoles } from './migrations.js';

/** What a person's freeze is found by: the first two words of its key, `agent/export-bot` of `agent/export-bot/erin/0`. */
export const FROZEN_WORD = `(split_part(key, '/', 1) || '/' || split_part(key, '/', 2))`;

/** The digest of the freeze that a person lifts: the first word of the key. */
export const LIFTED_WORD = `split_part(key, '/', 1)`;

/** Rights, indexes and notices for what people freeze, for the record's migrations. */
export function freezesByPeopleSql({ gateway, executor }: RecordRoles): string {
  return `
  create policy gateway_freezes on countersign.statements for insert to ${gateway} with check (
    process = 'gateway' and kind in ('freeze') and action_id is null);
  -- The executor freezes for what an action did.
  alter policy executor_freezes on countersign.statements to ${executor} with check (
    process = 'executor' and kind in ('incident', 'freeze') and action_id is not null);
  create index statements_freezes_by_people on countersign.statements (${FROZEN_WORD}) where kind = 'freeze' and action_id is null;
  create index statements_lifts_by_people on countersign.statements (${LIFTED_WORD}) where kind = 'unfreeze' and action_id is null;
  create or replace function countersign.tell_changes() returns trigger language plpgsql as $$
  begin
    perform pg_notify('${CHANGE_CHANNELS.action}', action_id) from (select distinct action_id from added where action_id is not null) a;
    perform pg_notify('${CHANGE_CHANNELS.freeze}', '') from (select from added where kind in ('freeze', 'unfreeze') limit 1) f;
    return null;
  end $$;`;
}
