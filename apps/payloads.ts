import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import type { CommonConfig } from '../src/config/common.js';
import { createDataKeyRing } from '../src/codec/data-key-ring.js';
import { createPayloadCodec } from '../src/codec/payload-codec.js';
import { createDataKeys, PAYLOAD_KEY } from '../src/vault/data-keys.js';
import type { VaultClient } from '../src/vault/client.js';
import { VaultFault } from '../src/vault/vault-fault.js';

/** How a process and Temporal understand each other. */
export interface Payloads {
  /** For each of its clients and workers. */
  dataConverter: DataConverter;
  codec: PayloadCodec;
  /** Forgets the keys. */
  close(): void;
}

/** As a process is configured. @throws as openPayloads. */
export function openConfiguredPayloads(config: CommonConfig, vault: VaultClient): Promise<Payloads> {
  return openPayloads({
    vault,
    transitMount: config.COUNTERSIGN_VAULT_TRANSIT_MOUNT,
    encrypts: config.COUNTERSIGN_PAYLOAD_ENCRYPTION,
    keyHours: config.COUNTERSIGN_PAYLOAD_KEY_HOURS,
    clock: Date.now,
  });
}

export interface PayloadsOptions {
  vault: VaultClient;
  transitMount: string;
  encrypts: boolean;
  /** How long one data key encrypts. */
  keyHours: number;
  clock: () => number;
}

// The same from src (tests) and from dist: the SDK loads what the build made.
const dist = join(fileURLToPath(new URL('../', import.meta.url)).replace(/dist\/$/, ''), 'dist');

/**
 * The converter of a process's payloads. The first data key is fetched here: from then on nothing that is encrypted waits for
 * Vault.
 * @throws Error when payloads are to be encrypted and Vault gives no key for it.
 */
export async function openPayloads(options: PayloadsOptions): Promise<Payloads> {
  const { vault, transitMount, encrypts, keyHours, clock } = options;
  const keys = createDataKeys({ client: vault, mount: transitMount, name: PAYLOAD_KEY });
  const ring = createDataKeyRing({ keys, clock, renewAfterMs: keyHours * 60 * 60_000 });
  if (encrypts) await ring.current().catch(explain);
  const codec = createPayloadCodec({ ring, encrypts });
  const failureConverterPath = join(dist, 'workflows/failure-converter.js');
  return {
    dataConverter: { failureConverterPath, payloadCodecs: [codec] },
    codec,
    close: () => {
      ring.close();
    },
  };
}

function explain(error: unknown): never {
  // An installation of before has neither the key nor the right to it.
  if (!(error instanceof VaultFault) || error.temporary) throw error;
  throw new Error(
    `${error.message} Temporal's payloads are to be encrypted: give Vault the key "${PAYLOAD_KEY}" and this process the right ` +
      'to it (docs/payload-encryption.md), or set COUNTERSIGN_PAYLOAD_ENCRYPTION=false.',
  );
}
