import type pg from 'pg';
import { query } from '../../record/postgres/pool.js';
import type { ConversationReference } from './activity.js';

/** Where conversations are, as Teams last said: the address of the Bot Connector differs by region and may change. */
export interface ConversationStore {
  /** Notes what an authenticated activity said. */
  note(reference: ConversationReference, nowMs: number): Promise<void>;
  find(conversation: string): Promise<ConversationReference | undefined>;
}

/** Table and rights, for the record's migrations. The gateway hears of conversations, worker and notary post to them. */
export function teamsConversationsSql(roles: { gateway: string; worker: string; notary: string }): string {
  return `
  create table countersign.teams_conversations (
    conversation text collate "C" primary key check (length(conversation) <= 300),
    tenant_id text collate "C" not null check (length(tenant_id) = 36),
    service_url text not null check (length(service_url) <= 500),
    seen_at_ms bigint not null
  );
  grant select on countersign.teams_conversations to ${roles.gateway}, ${roles.worker}, ${roles.notary};
  grant insert, update on countersign.teams_conversations to ${roles.gateway};`;
}

interface Row {
  conversation: string;
  tenant_id: string;
  service_url: string;
}

/** The store in PostgreSQL. It is no record: losing it costs nothing where the configured address is right. */
export function createConversationStore(pool: pg.Pool): ConversationStore {
  return {
    async note({ conversation, tenantId, serviceUrl }, nowMs) {
      await query(
        pool,
        `insert into countersign.teams_conversations (conversation, tenant_id, service_url, seen_at_ms) values ($1, $2, $3, $4)
         on conflict (conversation) do update set tenant_id = excluded.tenant_id, service_url = excluded.service_url, seen_at_ms = excluded.seen_at_ms
         where teams_conversations.seen_at_ms < excluded.seen_at_ms`,
        [conversation, tenantId, serviceUrl, nowMs],
      );
    },
    async find(conversation) {
      const [row] = await query<Row>(
        pool,
        'select conversation, tenant_id, service_url from countersign.teams_conversations where conversation = $1',
        [conversation],
      );
      if (row === undefined) return undefined;
      return { conversation: row.conversation, tenantId: row.tenant_id, serviceUrl: row.service_url };
    },
  };
}
