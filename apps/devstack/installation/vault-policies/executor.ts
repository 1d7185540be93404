import {
  createTokens,
  getContents,
  ownToken,
  revokeAccessors,
  revokeLeases,
  readPolicyStore,
  signWith,
  usePayloadKeys,
  type PolicyScope,
} from './rules.js';

/** Runs approved actions under leases of their own; revokes those. Never signs a decision. */
export function executorPolicy({ names, targets }: PolicyScope): string {
  return [
    ...ownToken(),
    ...readPolicyStore(names),
    ...usePayloadKeys(names),
    ...signWith(names, 'executor'),
    getContents(names),
    ...targets.flatMap((target) => [target.executeTokenRole, target.grantExecuteTokenRole]).map(createTokens),
    revokeLeases(
      names,
      targets.flatMap((target) => [target.executeRole, target.grantExecuteRole]),
    ),
    revokeAccessors,
  ].join('\n');
}
