import type { Leases } from '../src/vault/leases.js';
import { tellStanding, type Standing } from './heartbeat.js';

/** The same leases, whose steps the heartbeats of the running activity tell. */
export function toldLeases(leases: Leases, clock: () => number): Leases {
  const tell = (lease: NonNullable<Standing['lease']>): void => {
    tellStanding({ lease, since: new Date(clock()).toISOString() });
  };
  return {
    ...leases,
    async open(request) {
      tell('leasing');
      const opened = await leases.open(request);
      tell('open');
      return opened;
    },
    async revoke(lease) {
      tell('revoking');
      await leases.revoke(lease);
      tell('revoked');
    },
  };
}
