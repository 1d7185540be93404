import type pg from 'pg';
import type { BareVault } from './vault.js';

/** The floor's record: a signature and a commit, nothing else. */
export interface BareRecord {
  /** Signs one message for each kind in one call, and inserts them in one statement, which is one commit. */
  state(actionId: string, kinds: readonly string[]): Promise<void>;
  /** Inserts what is signed already. */
  insert(actionId: string, kinds: readonly string[], signatures: readonly string[]): Promise<void>;
}

export const FLOOR_SCHEMA = `
  create table statements (
    sequence bigint generated always as identity primary key,
    action_id text not null,
    kind text not null,
    envelope text not null,
    recorded_at_ms double precision not null default extract(epoch from clock_timestamp()) * 1000
  )`;

/** About the payload of a statement of Countersign's, in bytes. */
const PAYLOAD_BYTES = 1_200;

/** What a statement would say. */
export function payloadOf(actionId: string, kind: string): Buffer {
  return Buffer.from(`${actionId}/${kind}/`.padEnd(PAYLOAD_BYTES, '.'));
}

/** @param vault whose signing key is the process's own; the driver's too. */
export function createBareRecord(pool: pg.Pool, vault: Pick<BareVault, 'sign'>): BareRecord {
  const insert: BareRecord['insert'] = async (actionId, kinds, signatures) => {
    const envelopes = kinds.map((kind, index) =>
      JSON.stringify({ payload: payloadOf(actionId, kind).toString('base64'), signature: signatures[index] }),
    );
    await pool.query(
      'insert into statements (action_id, kind, envelope) select $1, * from unnest($2::text[], $3::text[])',
      [actionId, kinds, envelopes],
    );
  };
  return {
    insert,
    async state(actionId, kinds) {
      await insert(actionId, kinds, await vault.sign(kinds.map((kind) => payloadOf(actionId, kind))));
    },
  };
}
