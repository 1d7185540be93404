import { awsIamPolicy } from './aws-iam-policy.js';
import { databaseExport, databaseGrant } from './databases.js';
import { infraApply } from './infra-apply.js';
import type { LiveOperation, Missing } from './live-operation.js';
import { sshCommand } from './ssh-command.js';
import { vaultPolicy } from './vault-policy.js';

/** Every operation that the development stack knows how to offer, those first that need nothing more. */
export const LIVE_OPERATIONS: readonly LiveOperation[] = [
  databaseExport,
  databaseGrant,
  vaultPolicy,
  infraApply,
  sshCommand,
  awsIamPolicy,
];

/** What this machine can offer. */
export interface Offer {
  on: LiveOperation[];
  off: { operation: string; missing: Missing }[];
}

/** Looks which operations have all that they need. */
export async function findOffer(): Promise<Offer> {
  const offer: Offer = { on: [], off: [] };
  for (const live of LIVE_OPERATIONS) {
    const missing = await live.missing();
    if (missing === null) offer.on.push(live);
    else offer.off.push({ operation: live.operation, missing });
  }
  return offer;
}
