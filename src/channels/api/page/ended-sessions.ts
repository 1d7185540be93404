import type pg from 'pg';
import { CHANGE_CHANNELS } from '../../../record/postgres/change-notices.js';
import { query } from '../../../record/postgres/pool.js';

/** Sessions that were ended before their time, known to all gateways. */
export interface EndedSessions {
  /** @throws ServiceFault `record`. */
  end(session: { id: string; expiresAtMs: number }): Promise<void>;
  /** @throws ServiceFault `record`: then nobody is signed in. */
  hasEnded(sessionId: string): Promise<boolean>;
}

const END = {
  name: 'end-session',
  text: `insert into countersign.ended_sessions (session_id, expires_at_ms) values ($1, $2) on conflict do nothing`,
};
// Another gateway's clock may be behind: to it a session that is over here still holds.
const CLOCKS_APART_MS = 3_600_000;

const CLEAN = { name: 'clean-sessions', text: 'delete from countersign.ended_sessions where expires_at_ms < $1' };
const HAS_ENDED = { name: 'has-ended', text: 'select from countersign.ended_sessions where session_id = $1' };

export function createEndedSessions(pool: pg.Pool, clock: () => number): EndedSessions {
  return {
    async end({ id, expiresAtMs }) {
      await query(pool, END, [id, expiresAtMs]);
      // A cookie that is over counts for nothing by itself.
      await query(pool, CLEAN, [clock() - CLOCKS_APART_MS]);
    },
    hasEnded: async (sessionId) => (await query(pool, HAS_ENDED, [sessionId])).length > 0,
  };
}

/** Table, rights and notices, for the record's migrations. */
export function endedSessionsSql({ gateway }: { gateway: string }): string {
  return `
  create table countersign.ended_sessions (
    session_id text collate "C" primary key check (length(session_id) <= 100),
    expires_at_ms bigint not null
  );
  grant select, insert, delete on countersign.ended_sessions to ${gateway};
  create function countersign.tell_session_end() returns trigger language plpgsql as $$
  begin
    perform pg_notify('${CHANGE_CHANNELS.session}', new.session_id);
    return null;
  end $$;
  create trigger tell_session_end after insert on countersign.ended_sessions
    for each row execute function countersign.tell_session_end();`;
}
