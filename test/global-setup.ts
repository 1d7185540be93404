import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import { examplePeople } from '../apps/devstack/example.js';
import { startServices } from '../apps/devstack/services/services.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../src/contracts/search-attributes.js';

export type VaultProduct = 'hashicorp-vault' | 'openbao';

/** Where the services of this run are; administrators' credentials included: tests install and break things. */
export interface ServiceAddresses {
  temporal: { address: string; namespace: string; uiUrl: string };
  vault: { address: string; adminToken: string; auditFile: string; product: VaultProduct };
  postgres: { adminUrl: string };
  oidc: { issuer: string; jwksUri: string; audience: string; resource: string };
}

declare module 'vitest' {
  export interface ProvidedContext {
    services: ServiceAddresses;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  return startForTests(project);
}

/**
 * Starts Temporal, Vault, PostgreSQL and the identity provider once per run, and stops them after it.
 * @param vaultBinary default: as for development
 */
export async function startForTests(project: TestProject, vaultBinary?: string): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  const auditFile = join(folder, 'vault-audit.log');
  const services = await startServices({
    logDirectory: folder,
    temporal: { namespace: 'countersign', searchAttributes: SEARCH_ATTRIBUTE_TYPES },
    vault: { auditFile, ...(vaultBinary === undefined ? {} : { executable: vaultBinary }) },
    oidc: { people: await examplePeople() },
  });
  const { temporal, vault, postgres, oidc } = services;
  const product = await productOf(vault);
  project.provide('services', {
    temporal: { address: temporal.address, namespace: temporal.namespace, uiUrl: temporal.uiUrl },
    vault: { address: vault.address, adminToken: vault.rootToken, auditFile, product },
    postgres: { adminUrl: postgres.adminUrl },
    oidc: { issuer: oidc.issuer, jwksUri: oidc.jwksUri, audience: oidc.audience, resource: oidc.resource },
  });
  return async () => {
    await services.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

// OpenBao left the engines of the clouds out.
async function productOf({ address, rootToken }: { address: string; rootToken: string }): Promise<VaultProduct> {
  const response = await fetch(`${address}/v1/sys/plugins/catalog/secret?list=true`, {
    headers: { 'x-vault-token': rootToken },
    signal: AbortSignal.timeout(5_000),
  });
  const { data } = z.object({ data: z.object({ keys: z.array(z.string()) }) }).parse(await response.json());
  return data.keys.includes('aws') ? 'hashicorp-vault' : 'openbao';
}
