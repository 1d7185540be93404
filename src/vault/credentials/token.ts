import type { CredentialNeed, TokenVault } from '../leases.js';

/** Vault itself, under a token that exists for one action alone. */
export interface VaultToken {
  vault: TokenVault;
}

// A token role's explicit max TTL ends it earlier; leases count the earlier of both.
const LONGEST_SECONDS = 86_400;

/** The per-action child token itself: nothing is issued under it, so it has no lease of its own. */
export function ownVaultToken({ tokenRole }: { tokenRole: string }): CredentialNeed<VaultToken> {
  return {
    tokenRole,
    role: `auth/token/create/${tokenRole}`,
    // An accessor names a token without giving it away.
    issue: (vault) =>
      Promise.resolve({ leaseId: null, seconds: LONGEST_SECONDS, username: vault.accessor, material: { vault } }),
  };
}
