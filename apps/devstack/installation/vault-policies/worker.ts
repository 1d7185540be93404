import { createTokens, ownToken, revokeAccessors, revokeLeases, signWith, type PolicyScope } from './rules.js';

/** Previews under leases that can read; revokes those. */
export function workerPolicy({ names, targets }: PolicyScope): string {
  return [
    ...ownToken(),
    ...signWith(names, 'worker'),
    ...targets.map((target) => createTokens(target.previewTokenRole)),
    revokeLeases(
      names,
      targets.map((target) => target.previewRole),
    ),
    revokeAccessors,
  ].join('\n');
}
