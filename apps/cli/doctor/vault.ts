import { z } from 'zod';
import { KEY_PURPOSES } from '../../../src/core/keyring.js';
import { Secret } from '../../../src/core/secret.js';
import { createVaultClient, type VaultClient } from '../../../src/vault/client.js';
import { CONTENT_KEY, readContentKeyVersion } from '../../../src/vault/data-keys.js';
import { readTransitKeys } from '../../../src/vault/transit-signer.js';
import { failed, ok, reasonOf, skipped, unreachable, type Finding } from './finding.js';

const TIMEOUT_MS = 10_000;
const healthSchema = z.object({ initialized: z.boolean(), sealed: z.boolean(), version: z.string() });

export interface VaultSettings {
  address: string | undefined;
  token: string | undefined;
  transitMount: string;
}

/** Initialised, unsealed, with a signing key for each purpose, and with the key of the content store. */
export async function checkVault({ address, token, transitMount }: VaultSettings): Promise<Finding[]> {
  if (address === undefined) return [skipped('Vault', 'COUNTERSIGN_VAULT_ADDRESS')];
  const health = await checkHealth(address);
  if (health.status !== 'ok') return [health];
  if (token === undefined) {
    const setting = 'COUNTERSIGN_VAULT_TOKEN';
    return [health, skipped('Vault: signing keys', setting), skipped('Vault: content key', setting)];
  }
  const secret = new Secret(token);
  const client = createVaultClient({ address, credential: () => secret });
  return [health, ...(await Promise.all([checkKeys(client, transitMount), checkContentKey(client, transitMount)]))];
}

async function checkHealth(address: string): Promise<Finding> {
  const what = 'Vault';
  try {
    const url = new URL(
      'v1/sys/health?standbyok=true&sealedcode=200&uninitcode=200',
      `${address.replace(/\/+$/, '')}/`,
    );
    const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    const health = healthSchema.safeParse(await answer.json().catch(() => undefined)).data;
    if (health === undefined) {
      return failed(what, `${address} does not answer as Vault does`, 'Mend COUNTERSIGN_VAULT_ADDRESS.');
    }
    if (!health.initialized) return failed(what, 'it is not initialised', 'Run: vault operator init');
    if (health.sealed) return failed(what, 'it is sealed', 'Unseal it: vault operator unseal');
    return ok(what, `${address} is unsealed (version ${health.version})`);
  } catch (error) {
    const advice = 'Start it, or mend COUNTERSIGN_VAULT_ADDRESS.';
    return unreachable(what, `${address} cannot be reached (${reasonOf(error)})`, advice);
  }
}

async function checkKeys(client: VaultClient, mount: string): Promise<Finding> {
  const what = 'Vault: signing keys';
  try {
    const keys = await readTransitKeys(client, mount);
    return ok(what, `${String(keys.length)} versions of ${KEY_PURPOSES.join(', ')} under ${mount}`);
  } catch (error) {
    const advice =
      'Mend COUNTERSIGN_VAULT_TRANSIT_MOUNT or COUNTERSIGN_VAULT_TOKEN: ' +
      `each of ${KEY_PURPOSES.join(', ')} needs an ed25519 key there, and the token the right to read it.`;
    return failed(what, `the keys under ${mount} cannot be read (${reasonOf(error)})`, advice);
  }
}

async function checkContentKey(client: VaultClient, mount: string): Promise<Finding> {
  const what = 'Vault: content key';
  try {
    const version = await readContentKeyVersion(client, mount);
    return ok(what, `version ${String(version)} of ${CONTENT_KEY} under ${mount}: logs and plan files can be kept`);
  } catch (error) {
    const advice =
      `Make it: vault write ${mount}/keys/${CONTENT_KEY} type=aes256-gcm96. Or mend COUNTERSIGN_VAULT_TRANSIT_MOUNT or ` +
      'COUNTERSIGN_VAULT_TOKEN, which needs the right to read it.';
    return failed(what, `${CONTENT_KEY} under ${mount} cannot be read (${reasonOf(error)})`, advice);
  }
}
