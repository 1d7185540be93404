import {
  allow,
  lookUpAccessors,
  lookUpLeases,
  ownToken,
  putAndGetContents,
  revokeAccessors,
  revokeLeases,
  readPolicyStore,
  signWith,
  usePayloadKeys,
  type PolicyScope,
} from './rules.js';

/** Signs receipts and checkpoints; ends every lease of ours and proves it. It can read no target's data: its only database login is the witness's. */
export function notaryPolicy({ names, targets }: PolicyScope): string {
  const leased = targets.flatMap((target) => [
    target.previewRole,
    target.executeRole,
    target.grantPreviewRole,
    target.grantExecuteRole,
  ]);
  return [
    ...ownToken(),
    ...readPolicyStore(names),
    ...usePayloadKeys(names),
    ...signWith(names, 'receipt'),
    ...signWith(names, 'checkpoint'),
    ...putAndGetContents(names),
    revokeLeases(names, [...leased, ...targets.map((target) => target.witnessRole)]),
    lookUpLeases(names, leased),
    revokeAccessors,
    lookUpAccessors,
    // Vault demands sudo for the list of all accessors.
    allow('auth/token/accessors', ['list', 'sudo']),
    ...targets.map((target) => allow(`${names.databaseMount}/creds/${target.witnessRole}`, ['read'])),
  ].join('\n');
}
