/** Channels of NOTIFY; the payload is an id, nothing more: whoever may connect may listen. */
export const CHANGE_CHANNELS = {
  action: 'countersign_actions',
  session: 'countersign_sessions',
  freeze: 'countersign_freezes',
  plan: 'countersign_plans',
} as const;

/** A notice for each action that statements are added about, sent when they are committed; for the record's migrations. */
export function changeNoticesSql(): string {
  return `
  create function countersign.tell_changes() returns trigger language plpgsql as $$
  begin
    perform pg_notify('${CHANGE_CHANNELS.action}', action_id) from (select distinct action_id from added where action_id is not null) a;
    return null;
  end $$;
  create trigger tell_changes after insert on countersign.statements
    referencing new table as added for each statement execute function countersign.tell_changes();`;
}

/** A notice besides for each action whose plan was put on record, for the record's migrations. */
export function planNoticesSql(): string {
  return `
  create or replace function countersign.tell_changes() returns trigger language plpgsql as $$
  begin
    perform pg_notify('${CHANGE_CHANNELS.action}', action_id) from (select distinct action_id from added where action_id is not null) a;
    perform pg_notify('${CHANGE_CHANNELS.plan}', action_id) from added where kind = 'plan' and action_id is not null;
    perform pg_notify('${CHANGE_CHANNELS.freeze}', '') from (select from added where kind in ('freeze', 'unfreeze') limit 1) f;
    return null;
  end $$;`;
}
