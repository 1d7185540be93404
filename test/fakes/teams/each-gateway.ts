import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';
import { createMessageDatabase, type MessageDatabase } from '../slack/message-database.js';
import { startTeamsGateway, type TeamsGateway } from './teams-gateway.js';

/** For each test of a file a gateway with a Teams, and nothing posted before; the database is the file's. */
export function openTeamsForEach(opened: (gateway: TeamsGateway, pool: pg.Pool) => Promise<void>): void {
  let database: MessageDatabase;
  let gateway: TeamsGateway;
  beforeAll(async () => {
    database = await createMessageDatabase(inject('services').postgres.adminUrl);
  });
  afterAll(() => database.stop());
  beforeEach(async () => {
    await database.pool.query(
      'truncate countersign.channel_messages, countersign.teams_conversations, countersign.reminder_digests',
    );
    gateway = await startTeamsGateway(database.pool);
    await opened(gateway, database.pool);
  });
  afterEach(() => gateway.stop());
}
