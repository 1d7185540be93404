import { ownToken, putAndGetContents, readPolicyStore, signWith, usePayloadKeys, type PolicyScope } from './rules.js';

/** Signs people's decisions and what comes in. It leases nothing. */
export function gatewayPolicy({ names }: PolicyScope): string {
  return [
    ...ownToken(),
    ...readPolicyStore(names),
    ...usePayloadKeys(names),
    ...signWith(names, 'decision'),
    ...signWith(names, 'intake'),
    ...putAndGetContents(names),
  ].join('\n');
}
