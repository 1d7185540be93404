import type { Client } from 'pg';
import { z } from 'zod';
import { Refusal } from '../core/errors.js';
import { digestOf } from '../core/json.js';
import type { Flag, Preview } from '../core/schemas/action.js';
import { nameSchema } from '../core/schemas/primitives.js';
import type { PostgresTarget } from '../targets/postgres.js';
import { databaseLogin, type DatabaseLogin } from '../vault/credentials/database.js';
import type { LeasedCredential } from '../vault/leases.js';
import { flag, productionFlag } from './common-flags.js';
import { withSession, type SessionKind } from './database-export/session.js';
import type { Operation } from './operation.js';

const paramsSchema = z.strictObject({ target: nameSchema, text: z.string().min(1).max(500) });
type AnnounceParams = z.infer<typeof paramsSchema>;

/** Puts one line before the shop's customers. Its table: `public.announcements (action_id text primary key, text text)`. */
export const operation: Operation<AnnounceParams, PostgresTarget, DatabaseLogin> = {
  name: 'database.announce',
  description: "Adds one announcement to the shop's table of announcements.",
  paramsSchema,
  targetKind: 'postgres',
  targetName: ({ target }) => target,

  async check({ text }) {
    if (/[\p{Cc}\p{Cf}]/u.test(text))
      throw new Refusal('params_invalid', 'The text holds control or invisible characters.', 'params.text');
  },

  credentialFor(purpose, { target: { vault } }) {
    return purpose === 'preview'
      ? databaseLogin({ tokenRole: vault.previewTokenRole, mount: vault.mount, role: vault.previewRole })
      : databaseLogin({ tokenRole: vault.executeTokenRole, mount: vault.mount, role: vault.executeRole });
  },

  momentaryFlags: [],
  preview: (context) => inSession('BEGIN READ ONLY', context, (client) => look(client, context)),

  // It is one row, whatever else is announced meanwhile.
  grew: () => null,

  execute: (context) =>
    inSession('BEGIN READ WRITE', context, async (client) => {
      const { actionId, params } = context;
      await context.beginEffect(await look(client, context));
      // The primary key holds the action's id: a second one of the same action could not be.
      await client.query('INSERT INTO public.announcements (action_id, text) VALUES ($1, $2)', [actionId, params.text]);
      await client.query('COMMIT');
      const statement = `DELETE FROM public.announcements WHERE action_id = '${actionId}'`;
      return { text: params.text, undo: { statement } };
    }),

  async findOutcome(context) {
    const { actionId, lease, target } = context;
    const asking = { target, credential: await lease(), signal: AbortSignal.timeout(30_000) };
    const text = await inSession('BEGIN READ ONLY', asking, async (client) => {
      const { rows } = await client.query<{ text: string }>(
        'SELECT text FROM public.announcements WHERE action_id = $1',
        [actionId],
      );
      return rows[0]?.text;
    });
    if (text === undefined) return { kind: 'unknown', message: 'The table of announcements does not hold it.' };
    return { kind: 'done', result: { text } };
  },

  checkEffect: (preview, result) =>
    result['text'] === preview.content.text
      ? []
      : [flag('effect_mismatch', 'critical', 'The announcement reads otherwise than what was approved.')],
};

/** What would be announced, and the table as it is: its columns and triggers decide what comes of the row. */
async function look(
  client: Client,
  { params, target }: { params: AnnounceParams; target: PostgresTarget },
): Promise<{ preview: Preview; flags: Flag[] }> {
  const { rows } = await client.query<{ definition: string }>(
    `SELECT attname || ' ' || format_type(atttypid, atttypmod) AS definition FROM pg_attribute
      WHERE attrelid = to_regclass('public.announcements') AND attnum > 0 AND NOT attisdropped
     UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger
      WHERE tgrelid = to_regclass('public.announcements') AND NOT tgisinternal
     ORDER BY 1`,
  );
  if (rows.length === 0)
    throw new Refusal('target_unknown', 'This database has no table public.announcements.', 'params.target');
  const flags = [
    productionFlag(target, 'database'),
    /https?:/i.test(params.text) ? flag('link', 'medium', 'The text holds a link, which customers may follow.') : null,
  ];
  return {
    preview: {
      summary: `Announcement to the customers of ${target.name} (${target.environment})`,
      facts: [{ label: 'Characters', value: String(params.text.length) }],
      content: { language: 'text', text: params.text },
      fingerprint: digestOf(rows.map(({ definition }) => definition)),
      estimate: { rows: 1 },
    },
    flags: flags.filter((found) => found !== null),
  };
}

interface Login {
  target: PostgresTarget;
  credential: LeasedCredential<DatabaseLogin>;
  signal: AbortSignal;
}

function inSession<R>(begin: string, login: Login, work: (client: Client) => Promise<R>): Promise<R> {
  const kind: SessionKind = {
    operation: 'database.announce',
    begin,
    refused: { code: 'params_invalid', field: 'params.text' },
  };
  const { target, credential, signal } = login;
  return withSession(kind, { target, credential, signal, timeoutMs: 15_000, quoteServer: () => false }, work);
}
