import { ALREADY_TAKEN } from './sql-states.js';

/** Closes leases whose end an earlier release put on record without their row: it wrote one after the other. */
export const CLOSE_ENDED_LEASES = `
  insert into countersign.lease_closures (accessor, proven_at_ms)
  select l.accessor, s.recorded_at_ms from countersign.statements s join countersign.leases l on l.accessor = s.key
  -- Asked first: each row that is tried takes a lock until the end of the migration, and the server has few.
  where s.kind = 'revocation' and not exists (select from countersign.lease_closures e where e.accessor = l.accessor)
  on conflict (accessor) do nothing;`;

/**
 * Rows that follow from what is stated, for the record's migrations: they come with the statement's row, in one commit, or
 * neither does. Claims and effects under the lock under which an action ends; behind it, each query sees what its last holder
 * committed.
 */
export function followingRowsSql(): string {
  return `
  create function countersign.follow_statement() returns trigger language plpgsql as $$
  declare
    body jsonb := convert_from(decode(new.envelope::jsonb ->> 'payload', 'base64'), 'utf8')::jsonb #> '{predicate,body}';
    of_step text := body ->> 'step';
    nth integer := (body ->> 'attempt')::integer;
    last integer;
  begin
    -- What a lock's last holder committed is seen by no older snapshot.
    if current_setting('transaction_isolation') <> 'read committed' then
      raise exception 'countersign.statements: the role must not default to another isolation than read committed';
    end if;
    if new.kind = 'credential' then
      insert into countersign.lease_credentials (lease_id, accessor, vault_role, username, target)
      values (body ->> 'leaseId', body ->> 'accessor', body ->> 'vaultRole', body ->> 'username', body ->> 'target');
    elsif new.kind = 'revocation' then
      insert into countersign.lease_closures (accessor, proven_at_ms)
      values (body ->> 'accessor', (body ->> 'revokedAtMs')::bigint) on conflict (accessor) do nothing;
    else
      perform pg_advisory_xact_lock(hashtextextended('countersign.claim/' || new.action_id, 0));
      select coalesce(max(attempt), 0) into last from countersign.claims where action_id = new.action_id and step = of_step;
      if exists (select from countersign.effects where action_id = new.action_id and step = of_step) then
        raise exception 'countersign.effects: it has begun' using errcode = '${ALREADY_TAKEN}';
      elsif new.kind = 'claim' and nth > last then
        insert into countersign.claims (action_id, step, attempt, run_id) values (new.action_id, of_step, nth, body ->> 'runId');
      elsif new.kind = 'effect' and nth = last and not exists (select from countersign.action_ends where action_id = new.action_id) then
        insert into countersign.effects (action_id, step, attempt) values (new.action_id, of_step, nth);
      else
        raise exception 'countersign.claims: attempt % comes too late', nth using errcode = '${ALREADY_TAKEN}';
      end if;
    end if;
    return null;
  end $$;
  create trigger rows_that_follow after insert on countersign.statements for each row
    when (new.kind in ('claim', 'effect', 'credential', 'revocation')) execute function countersign.follow_statement();
  ${CLOSE_ENDED_LEASES}`;
}
