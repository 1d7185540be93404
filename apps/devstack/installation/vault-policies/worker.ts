import {
  createTokens,
  ownToken,
  putAndGetContents,
  revokeAccessors,
  revokeLeases,
  readPolicyStore,
  signWith,
  usePayloadKeys,
  type PolicyScope,
} from './rules.js';

/** Previews under leases that can read; revokes those. */
export function workerPolicy({ names, targets }: PolicyScope): string {
  return [
    ...ownToken(),
    ...readPolicyStore(names),
    ...usePayloadKeys(names),
    ...signWith(names, 'worker'),
    ...putAndGetContents(names),
    ...targets.flatMap((target) => [target.previewTokenRole, target.grantPreviewTokenRole]).map(createTokens),
    revokeLeases(
      names,
      targets.flatMap((target) => [target.previewRole, target.grantPreviewRole]),
    ),
    revokeAccessors,
  ].join('\n');
}
