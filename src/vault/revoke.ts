import type { VaultClient } from './client.js';
import type { Proof } from './leases.js';
import { VaultFault } from './vault-fault.js';

// Asking again about what is gone: HashiCorp Vault answers 403, OpenBao 400; a refusal by policy says otherwise.
const UNKNOWN_ACCESSOR = /invalid accessor|no token found with this accessor|^token not found$/i;
const UNKNOWN_LEASE = /invalid lease/i;

/**
 * Revokes what was issued (synchronously: anything else reports success while the database user may live on), then the token.
 * Idempotent.
 * @throws VaultFault, temporary, when the credential cannot be revoked yet (its target is down) or Vault does not answer.
 */
export async function revokeAtVault(
  client: VaultClient,
  { accessor, leaseIds }: { accessor: string; leaseIds: readonly string[] },
): Promise<void> {
  await revokeAll(client, accessor, leaseIds);
}

/** Revokes what is not revoked yet, and proves that Vault knows neither the leases nor the token any more. */
export async function revokeAndProve(
  client: VaultClient,
  accessor: string,
  leaseIds: readonly string[],
): Promise<Proof[]> {
  const prove = (): Promise<Proof[]> =>
    Promise.all([
      ...leaseIds.map((leaseId) =>
        proveUnknown(client, 'sys/leases/lookup', { lease_id: leaseId }, leaseId, UNKNOWN_LEASE),
      ),
      proveUnknown(client, 'auth/token/lookup-accessor', { accessor }, accessor, UNKNOWN_ACCESSOR),
    ]);
  try {
    // Whoever leased has mostly revoked already.
    return await prove();
  } catch {
    await revokeAll(client, accessor, leaseIds);
    return prove();
  }
}

async function revokeAll(client: VaultClient, accessor: string, leaseIds: readonly string[]): Promise<void> {
  const faults: unknown[] = [];
  for (const leaseId of leaseIds) await revokeLease(client, leaseId).catch((fault: unknown) => faults.push(fault));
  // Even when a lease is stuck: without its token nothing more can be issued.
  await revokeAccessor(client, accessor).catch((fault: unknown) => faults.push(fault));
  if (faults.length > 0) throw faults[0];
}

/** Revokes a token and all that was issued under it, by accessor. An unknown accessor is fine. */
export async function revokeAccessor(client: VaultClient, accessor: string): Promise<void> {
  await client.write('auth/token/revoke-accessor', { accessor }).catch((error: unknown) => {
    if (!isUnknownAccessor(error)) throw error;
  });
}

/** Whether Vault said that it knows no token of this accessor. */
export function isUnknownAccessor(error: unknown): boolean {
  return error instanceof VaultFault && error.says(UNKNOWN_ACCESSOR);
}

async function revokeLease(client: VaultClient, leaseId: string): Promise<void> {
  try {
    await client.write('sys/leases/revoke', { lease_id: leaseId, sync: true });
  } catch (error) {
    if (error instanceof VaultFault && error.says(UNKNOWN_LEASE)) return;
    throw error instanceof VaultFault && error.status === 400 ? notYet('sys/leases/revoke', error.answers) : error;
  }
}

async function proveUnknown(
  client: VaultClient,
  path: string,
  body: object,
  name: string,
  unknown: RegExp,
): Promise<Proof> {
  try {
    await client.write(path, body);
  } catch (error) {
    if (!(error instanceof VaultFault && error.says(unknown))) throw error;
    return {
      asked: `vault ${path} ${name}`.slice(0, 300),
      answer: `${String(error.status)} ${error.answers.join('; ')}`.slice(0, 300),
    };
  }
  throw notYet(path, ['it is still known to Vault']);
}

/** Vault answers 400 when the database is away: this is worth asking again, for ever. */
function notYet(path: string, answers: readonly string[]): VaultFault {
  return new VaultFault(path, 503, ['the revocation is not complete yet', ...answers]);
}
