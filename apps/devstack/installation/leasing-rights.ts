import { z } from 'zod';
import type { ProcessName } from '../../../src/core/schemas/statements.js';
import type { VaultClient } from '../../../src/vault/client.js';
import { allow, createTokens } from './vault-policies/rules.js';

/** A token role from which an action's child tokens are made. */
export interface TokenRole {
  /** What the target's entry in the bundle names. */
  name: string;
  /** Vault ACL policy of the child tokens. */
  policy: string;
  /** Prefixes of the ids of leases issued under it, e.g. `database/creds/change`; none where what is issued has no lease. */
  leases?: readonly string[];
  /** How many requests a token may make; 2 at least, since issuing takes one and a lease keeps one. Default 2. */
  uses?: number;
  /** Further policy of the process that leases from it. */
  lessor?: string;
}

/** What one target needs in Vault beyond what every installation has. */
export interface LeasingRights {
  preview: TokenRole;
  execute: TokenRole;
  /** Further policy of the notary, for its witness. */
  witness?: string;
}

/** Whose processes get the rights. */
export interface LeasingScope {
  admin: VaultClient;
  /** Prefixes the names of the policies. */
  installation: string;
  approleMount: string;
  maxTtlSeconds: number;
}

const roleSchema = z.object({ data: z.object({ token_policies: z.array(z.string()) }) });

/**
 * Makes the token roles, and lets worker, executor and notary lease from them and end the leases. Processes that logged in
 * before do not get these rights.
 * @returns what takes all of it back.
 */
export async function grantLeasing(scope: LeasingScope, rights: LeasingRights): Promise<() => Promise<void>> {
  const { admin, installation, approleMount } = scope;
  const { preview, execute, witness = '' } = rights;
  await makeTokenRoles(scope, [preview, execute]);
  const both = [...(preview.leases ?? []), ...(execute.leases ?? [])];
  const policies: Partial<Record<ProcessName, string>> = {
    worker: lessorPolicy(preview),
    executor: lessorPolicy(execute),
    notary: `${endLeases(both)}\n${witness}`,
  };
  const added: string[] = [];
  for (const [process, policy] of Object.entries(policies)) {
    const name = `${installation}-${process}-${execute.name}`;
    added.push(name);
    await admin.write(`sys/policies/acl/${name}`, { policy });
    const path = `auth/${approleMount}/role/${process}`;
    const { data } = roleSchema.parse(await admin.read(path));
    await admin.write(path, { token_policies: [...data.token_policies, name] });
  }
  return async () => {
    for (const role of [preview, execute]) await admin.delete(`auth/token/roles/${role.name}`);
    for (const policy of [preview.name, execute.name, ...added]) await admin.delete(`sys/policies/acl/${policy}`);
  };
}

async function makeTokenRoles({ admin, maxTtlSeconds }: LeasingScope, roles: readonly TokenRole[]): Promise<void> {
  for (const role of roles) {
    await admin.write(`sys/policies/acl/${role.name}`, { policy: role.policy });
    await admin.write(`auth/token/roles/${role.name}`, {
      allowed_policies: [role.name],
      orphan: true,
      renewable: false,
      token_no_default_policy: true,
      token_explicit_max_ttl: `${String(maxTtlSeconds)}s`,
      token_num_uses: role.uses ?? 2,
      token_type: 'service',
    });
  }
}

function lessorPolicy({ name, leases = [], lessor = '' }: TokenRole): string {
  return [createTokens(name), endLeases(leases), lessor].join('\n');
}

function endLeases(prefixes: readonly string[]): string {
  if (prefixes.length === 0) return '';
  const ids = prefixes.map((prefix) => `"${prefix}/*"`).join(', ');
  return [
    allow('sys/leases/revoke', ['update'], `allowed_parameters = { "lease_id" = [${ids}], "sync" = [true] }`),
    allow('sys/leases/lookup', ['update'], `allowed_parameters = { "lease_id" = [${ids}] }`),
  ].join('\n');
}
