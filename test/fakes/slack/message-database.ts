import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { heldRemindersSql, reminderDigestsSql } from '../../../src/channels/message/digest-store.js';
import {
  adoptMessagesSql,
  channelMessagesSql,
  messageSubjectsSql,
} from '../../../src/channels/message/message-store.js';
import { teamsConversationsSql } from '../../../src/channels/teams/conversation-store.js';

/** A database of its own with the tables of the chat channels, and the roles that may use it. */
export interface MessageDatabase {
  pool: pg.Pool;
  roles: { gateway: string; worker: string; notary: string; executor: string };
  stop(): Promise<void>;
}

export async function createMessageDatabase(adminUrl: string): Promise<MessageDatabase> {
  const name = `slack_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create database ${name}`);
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href, max: 8 });
  const roles = {
    gateway: `${name}_gateway`,
    worker: `${name}_worker`,
    notary: `${name}_notary`,
    executor: `${name}_executor`,
  };
  await pool.query('create schema countersign');
  for (const role of Object.values(roles))
    await pool.query(`create role ${role}; grant usage on schema countersign to ${role}`);
  await pool.query(channelMessagesSql(roles));
  await pool.query(teamsConversationsSql(roles));
  await pool.query(reminderDigestsSql(roles));
  await pool.query(heldRemindersSql(roles));
  await pool.query(adoptMessagesSql(roles));
  await pool.query(messageSubjectsSql(roles));
  return {
    pool,
    roles,
    async stop() {
      await pool.end();
      await admin.query(`drop database ${name}`);
      for (const role of Object.values(roles)) await admin.query(`drop role ${role}`);
      await admin.end();
    },
  };
}
