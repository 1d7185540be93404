import type { Envelope } from '../../src/core/dsse.js';
import type { StatementBody, StatementKind } from '../../src/core/schemas/statements.js';
import { VaultFault } from '../../src/vault/vault-fault.js';
import type { Stack } from '../support/stack.js';

/** What an action left where credentials live, and on record. */
export interface Traces {
  /** Database users of the target with the action's id in their name. */
  users: number;
  /** Their sessions. */
  sessions: number;
  /** Tokens that Vault knows and that were made to run the action. */
  tokens: number;
  /** Vault's leases that were issued to run the action and that Vault still knows. */
  vaultLeases: number;
  /** Rows of leases that were ever opened to run it. */
  leases: number;
  claims: number;
  effects: number;
}

/** Nothing was ever leased, claimed or begun. */
export const NOTHING: Traces = { users: 0, sessions: 0, tokens: 0, vaultLeases: 0, leases: 0, claims: 0, effects: 0 };
/** All that was leased is gone. */
export const GONE = { users: 0, sessions: 0, tokens: 0, vaultLeases: 0 };

/** Reads the target, Vault and the record, as their administrators. */
export async function tracesOf({ installation }: Stack, actionId: string): Promise<Traces> {
  const name = actionId.toLowerCase();
  const target = await installation.inTarget(async (client) => {
    const { rows } = await client.query<{ users: number; sessions: number }>(
      `select (select count(*)::int from pg_roles where strpos(rolname, $1) > 0) users,
              (select count(*)::int from pg_stat_activity where strpos(usename, $1) > 0
                  or (usesysid is not null and usesysid <> 0 and not exists (select from pg_roles r where r.oid = usesysid))) sessions`,
      [name],
    );
    return rows[0] ?? { users: -1, sessions: -1 };
  });
  const { leaseIds, ...rows } = await installation.inRecord(async (client) => {
    const counted = await client.query<Pick<Traces, 'leases' | 'claims' | 'effects'> & { leaseIds: string[] }>(
      `select (select count(*)::int from countersign.leases where action_id = $1 and purpose = 'execute') leases,
              (select count(*)::int from countersign.claims where action_id = $1) claims,
              (select count(*)::int from countersign.effects where action_id = $1) effects,
              (select coalesce(json_agg(c.lease_id), '[]') from countersign.lease_credentials c join countersign.leases l using (accessor)
                -- A token that is the credential itself has no lease of its own.
                where l.action_id = $1 and c.lease_id <> '') "leaseIds"`,
      [actionId],
    );
    const [row] = counted.rows;
    if (row === undefined) throw new Error('counting answered with no row');
    return row;
  });
  const known = await Promise.all(
    leaseIds.map((lease_id) =>
      installation.vaultAdmin.write('sys/leases/lookup', { lease_id }).then(() => 1, zeroIf(/invalid lease/i)),
    ),
  );
  const vaultLeases = known.reduce<number>((sum, one) => sum + one, 0);
  return { ...target, ...rows, vaultLeases, tokens: await tokensOf(installation.vaultAdmin, actionId) };
}

/** Of a fault that says so: any other would make what lives on look gone. */
function zeroIf(said: RegExp): (fault: unknown) => 0 {
  return (fault) => {
    if (fault instanceof VaultFault && fault.says(said)) return 0;
    throw fault;
  };
}

async function tokensOf(admin: Stack['installation']['vaultAdmin'], actionId: string): Promise<number> {
  const { data } = (await admin.list('auth/token/accessors')) as { data: { keys: string[] } };
  let count = 0;
  for (const accessor of data.keys) {
    const token = (await admin
      .write('auth/token/lookup-accessor', { accessor })
      .catch(zeroIf(/invalid accessor|no token found with this accessor|^token not found$/i))) as
      | {
          data: { meta: Record<string, string> | null };
        }
      | 0;
    if (token !== 0 && token.data.meta?.['action'] === actionId && token.data.meta['purpose'] === 'execute') count += 1;
  }
  return count;
}

/** A statement as it lies in the record, unverified. */
export interface Found<K extends StatementKind> {
  actionId: string | null;
  body: StatementBody<K>;
  envelope: Envelope;
}

/** All statements of one kind, oldest first, read as PostgreSQL's superuser. */
export async function statementsOf<K extends StatementKind>(stack: Stack, kind: K): Promise<Found<K>[]> {
  return stack.installation.inRecord(async (client) => {
    const { rows } = await client.query<{ action_id: string | null; envelope: string }>(
      'select action_id, envelope from countersign.statements where kind = $1 order by sequence',
      [kind],
    );
    return rows.map(({ action_id: actionId, envelope: text }) => {
      const envelope = JSON.parse(text) as Envelope;
      const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as {
        predicate: { body: StatementBody<K> };
      };
      return { actionId, body: statement.predicate.body, envelope };
    });
  });
}

/** Codes of the refusals on record about an action; of those about no action on record without one. */
export async function refusalsOf(stack: Stack, actionId: string | null): Promise<string[]> {
  const refusals = await statementsOf(stack, 'refusal');
  return refusals.filter((refusal) => refusal.actionId === actionId).map(({ body }) => body.code);
}
