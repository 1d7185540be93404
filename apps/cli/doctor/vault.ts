import { z } from 'zod';
import { KEY_PURPOSES } from '../../../src/core/keyring.js';
import { Secret } from '../../../src/core/secret.js';
import { createVaultClient, type VaultClient } from '../../../src/vault/client.js';
import { CONTENT_KEY, PAYLOAD_KEY, readWrappingKeyVersion, type WrappingKey } from '../../../src/vault/data-keys.js';
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
    return [
      health,
      skipped('Vault: signing keys', setting),
      skipped('Vault: content key', setting),
      skipped('Vault: payload key', setting),
    ];
  }
  const secret = new Secret(token);
  const client = createVaultClient({ address, credential: () => secret });
  const checks = [
    checkKeys(client, transitMount),
    checkWrappingKey(client, transitMount, CONTENT_KEY),
    checkWrappingKey(client, transitMount, PAYLOAD_KEY),
  ];
  return [health, ...(await Promise.all(checks))];
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

const WRAPPING_KEYS: Record<WrappingKey, { what: string; use: string }> = {
  [CONTENT_KEY]: { what: 'Vault: content key', use: 'logs and plan files can be kept' },
  [PAYLOAD_KEY]: { what: 'Vault: payload key', use: "Temporal's payloads can be encrypted" },
};

async function checkWrappingKey(client: VaultClient, mount: string, name: WrappingKey): Promise<Finding> {
  const { what, use } = WRAPPING_KEYS[name];
  try {
    const version = await readWrappingKeyVersion(client, mount, name);
    return ok(what, `version ${String(version)} of ${name} under ${mount}: ${use}`);
  } catch (error) {
    const advice =
      `Make it: vault write ${mount}/keys/${name} type=aes256-gcm96. Or mend COUNTERSIGN_VAULT_TRANSIT_MOUNT or ` +
      'COUNTERSIGN_VAULT_TOKEN, which needs the right to read it.';
    return failed(what, `${name} under ${mount} cannot be read (${reasonOf(error)})`, advice);
  }
}
