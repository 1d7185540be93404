import type { CredentialNeed, Issued } from '../leases.js';

/**
 * Two needs under one token: the first is issued, then the second. Each is on record by itself, and each is revoked,
 * also when the second one fails. The token's role must allow as many uses as both take.
 * @param toMaterial what the operation logs in with
 */
export function both<One, Other, C>(
  first: CredentialNeed<One>,
  second: CredentialNeed<Other>,
  toMaterial: (one: Issued<One>, other: Issued<Other>) => C,
): CredentialNeed<C> {
  if (first.tokenRole !== second.tokenRole)
    throw new Error(`both: one token cannot be of two roles (${first.tokenRole}, ${second.tokenRole})`);
  return {
    tokenRole: first.tokenRole,
    role: `${first.role} + ${second.role}`,
    async issue(vault) {
      const one = await first.issue(vault);
      const other = await second.issue(vault);
      return {
        leaseId: one.leaseId,
        username: one.username,
        seconds: Math.min(one.seconds, other.seconds),
        material: toMaterial(one, other),
        each: [...eachOf(first, one), ...eachOf(second, other)],
      };
    },
  };
}

function eachOf<C>({ role }: CredentialNeed<C>, issued: Issued<C>): NonNullable<Issued<C>['each']> {
  return issued.each ?? [{ role, leaseId: issued.leaseId, username: issued.username }];
}
