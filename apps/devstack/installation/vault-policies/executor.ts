import { createTokens, ownToken, revokeAccessors, revokeLeases, signWith, type PolicyScope } from './rules.js';

/** Runs approved actions under leases of their own; revokes those. Never signs a decision. */
export function executorPolicy({ names, targets }: PolicyScope): string {
  return [
    ...ownToken(),
    ...signWith(names, 'executor'),
    ...targets.map((target) => createTokens(target.executeTokenRole)),
    revokeLeases(
      names,
      targets.map((target) => target.executeRole),
    ),
    revokeAccessors,
  ].join('\n');
}
