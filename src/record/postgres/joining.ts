import pg from 'pg';
import type { AskedOnce } from '../asked-once.js';
import type { RecordRoles } from './migrations.js';

/** Columns by which a second request for the same is known, for the record's migrations. Older rows have none. */
export function joiningSql({ gateway, worker }: RecordRoles): string {
  return `
  alter table countersign.requests
    add column asked_digest text collate "C" check (asked_digest ~ '^[0-9a-f]{64}$'),
    add column on_behalf_of text collate "C" check (on_behalf_of ~ '^[0-9a-f]{64}$');
  create index requests_asked on countersign.requests (asked_digest, action_id desc) where asked_digest is not null;
  grant insert (asked_digest, on_behalf_of) on countersign.requests to ${gateway}, ${worker};`;
}

// Of those that asked for the same, the open one is among the newest: while it is open, none comes behind it.
const NEWEST = 50;

/** Under this lock one at a time looks for the open action that asks for the same, and inserts when there is none. */
export function lockNameOf({ digest }: AskedOnce): string {
  return `countersign.asked/${digest}`;
}

/**
 * The open action that a request joins; one that its agent takes back is on its way out. The first must bar all whom the
 * second would: so the same people were proven for it, or nobody, which bars everyone who may prompt the agent.
 */
export function selectFirst({ digest, onBehalfOf }: AskedOnce, actionId: string): string {
  const [asked, id] = [digest, actionId].map((value) => pg.escapeLiteral(value));
  const same = onBehalfOf === null ? '' : ` or r.on_behalf_of = ${pg.escapeLiteral(onBehalfOf)}`;
  return `select r.action_id, r.digest from (
      select action_id, digest, on_behalf_of from countersign.requests
      where asked_digest = ${asked} order by action_id desc limit ${String(NEWEST)}) r
    where r.action_id <> ${id} and (r.on_behalf_of is null${same})
      and not exists (select from countersign.statements s where s.action_id = r.action_id and s.kind in ('receipt', 'withdrawal'))
    order by r.action_id limit 1`;
}
