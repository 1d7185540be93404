import { z } from 'zod';
import { allow, createTokens } from '../../apps/devstack/installation/vault-policies/rules.js';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { TestInstallation } from '../support/installation.js';

/** A token role from which an action's child tokens are made. */
export interface TokenRole {
  /** e.g. `${installation.name}-execute-cloud`: what `credentialFor` names. */
  name: string;
  /** Vault ACL policy of the child tokens. */
  policy: string;
  /** Prefixes of the ids of leases issued under it, e.g. `t1-aws/sts/change`; none where what is issued has no lease. */
  leases?: readonly string[];
  /** How many requests a token may make; 2 at least, since issuing takes one and a lease keeps one. Default 2. */
  uses?: number;
}

/** What a subject's target needs in Vault beyond what the installation has. */
export interface LeasingRights {
  preview: TokenRole;
  execute: TokenRole;
  /** Further policy of the notary, for its witness. */
  witness?: string;
}

const MAX_TTL_SECONDS = 3_600;
const roleSchema = z.object({ data: z.object({ token_policies: z.array(z.string()) }) });

/**
 * Makes the token roles as production has them, and lets worker, executor and notary lease from them and end the leases.
 * Processes that logged in before do not get these rights.
 * @returns what takes all of it back.
 */
export async function grantLeasing(
  { vaultAdmin, name, vault }: TestInstallation,
  { preview, execute, witness = '' }: LeasingRights,
): Promise<() => Promise<void>> {
  for (const role of [preview, execute]) {
    await vaultAdmin.write(`sys/policies/acl/${role.name}`, { policy: role.policy });
    await vaultAdmin.write(`auth/token/roles/${role.name}`, {
      allowed_policies: [role.name],
      orphan: true,
      renewable: false,
      token_no_default_policy: true,
      token_explicit_max_ttl: `${String(MAX_TTL_SECONDS)}s`,
      token_num_uses: role.uses ?? 2,
      token_type: 'service',
    });
  }
  const both = [...(preview.leases ?? []), ...(execute.leases ?? [])];
  const policies: Partial<Record<ProcessName, string>> = {
    worker: `${createTokens(preview.name)}\n${endLeases(preview.leases ?? [])}`,
    executor: `${createTokens(execute.name)}\n${endLeases(execute.leases ?? [])}`,
    notary: `${endLeases(both)}\n${witness}`,
  };
  const added: string[] = [];
  for (const [process, policy] of Object.entries(policies)) {
    const policyName = `${name}-${process}-${execute.name}`;
    added.push(policyName);
    await vaultAdmin.write(`sys/policies/acl/${policyName}`, { policy });
    const path = `auth/${vault.mounts.approle}/role/${process}`;
    const { data } = roleSchema.parse(await vaultAdmin.read(path));
    await vaultAdmin.write(path, { token_policies: [...data.token_policies, policyName] });
  }
  return async () => {
    for (const role of [preview, execute]) await vaultAdmin.delete(`auth/token/roles/${role.name}`);
    for (const policy of [preview.name, execute.name, ...added]) await vaultAdmin.delete(`sys/policies/acl/${policy}`);
  };
}

function endLeases(prefixes: readonly string[]): string {
  if (prefixes.length === 0) return '';
  const ids = prefixes.map((prefix) => `"${prefix}/*"`).join(', ');
  return [
    allow('sys/leases/revoke', ['update'], `allowed_parameters = { "lease_id" = [${ids}], "sync" = [true] }`),
    allow('sys/leases/lookup', ['update'], `allowed_parameters = { "lease_id" = [${ids}] }`),
  ].join('\n');
}
