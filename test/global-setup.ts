import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { examplePeople } from '../apps/devstack/example.js';
import { startServices } from '../apps/devstack/services/services.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../src/contracts/search-attributes.js';

/** Where the services of this run are; administrators' credentials included: tests install and break things. */
export interface ServiceAddresses {
  temporal: { address: string; namespace: string; uiUrl: string };
  vault: { address: string; adminToken: string; auditFile: string };
  postgres: { adminUrl: string };
  oidc: { issuer: string; jwksUri: string; audience: string; resource: string };
}

declare module 'vitest' {
  export interface ProvidedContext {
    services: ServiceAddresses;
  }
}

/** Starts Temporal, Vault, PostgreSQL and the identity provider once per run, and stops them after it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-test-'));
  const auditFile = join(folder, 'vault-audit.log');
  const services = await startServices({
    logDirectory: folder,
    temporal: { namespace: 'countersign', searchAttributes: SEARCH_ATTRIBUTE_TYPES },
    vault: { auditFile },
    oidc: { people: await examplePeople() },
  });
  const { temporal, vault, postgres, oidc } = services;
  project.provide('services', {
    temporal: { address: temporal.address, namespace: temporal.namespace, uiUrl: temporal.uiUrl },
    vault: { address: vault.address, adminToken: vault.rootToken, auditFile },
    postgres: { adminUrl: postgres.adminUrl },
    oidc: { issuer: oidc.issuer, jwksUri: oidc.jwksUri, audience: oidc.audience, resource: oidc.resource },
  });
  return async () => {
    await services.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
