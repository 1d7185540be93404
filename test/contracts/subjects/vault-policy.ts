import { z } from 'zod';
import type { Json, JsonObject } from '../../../src/core/json.js';
import { Secret } from '../../../src/core/secret.js';
import { EXECUTE_USES, PREVIEW_USES } from '../../../src/operations/vault-policy/execute.js';
import { paramsSchema } from '../../../src/operations/vault-policy/params.js';
import { policyReaderPolicy, policyWriterPolicy } from '../../../src/operations/vault-policy/vault-role.js';
import { operation } from '../../../src/operations/vault-policy.js';
import { vaultTargetSchema, type VaultTarget } from '../../../src/targets/vault.js';
import type { VaultToken } from '../../../src/vault/credentials/token.js';
import { createVaultClient, type VaultClient } from '../../../src/vault/client.js';
import type { LeasedCredential } from '../../../src/vault/leases.js';
import { VaultFault } from '../../../src/vault/vault-fault.js';
import type { TestInstallation } from '../../support/installation.js';
import { AT_WORK, MOMENT_CASES } from '../moment-cases.js';
import type { StartedSubject, Subject } from '../subject.js';
import { grantLeasing } from '../vault-rights.js';
import { noKeepsakes } from '../../support/keepsakes.js';

const PRESENT =
  'path "secret/data/shop/*" {\n  capabilities = ["read"]\n}\npath "secret/data/shop/keys" { capabilities = ["deny"] }\n';
const PROPOSED =
  'path "secret/data/shop/*" { capabilities = ["read", "update"] }\npath "secret/data/shop/keys" { capabilities = ["deny"] }';

export const subject: Subject = { operation: operation, start: startPolicies };

async function startPolicies(installation: TestInstallation): Promise<StartedSubject> {
  const { name: prefix, vaultAdmin } = installation;
  const target = targetOf(prefix);
  const patterns = [target.policies, target.protectedPolicies] as const;
  const takeBack = await grantLeasing(installation, {
    preview: { name: target.vault.previewTokenRole, policy: policyReaderPolicy(...patterns), uses: PREVIEW_USES },
    execute: { name: target.vault.executeTokenRole, policy: policyWriterPolicy(...patterns), uses: EXECUTE_USES },
  });
  const shop = `${prefix}-app-shop`;
  const params = { do: 'set', target: target.name, name: shop, document: PROPOSED };
  const saying = (document: string): JsonObject => ({ ...params, document });
  const set = (policy: string) => vaultAdmin.write(`sys/policies/acl/${shop}`, { policy });
  return {
    target,
    params,
    badParams: [
      { name: 'an unknown field', params: { ...params, ttl: 1 }, field: 'params.ttl' },
      { name: 'no document', params: { do: 'set', target: target.name, name: shop }, field: 'params.document' },
      { name: 'what is no policy', params: saying('path secret {}'), field: 'params.document' },
      {
        name: 'an unknown capability',
        params: saying('path "a" { capabilities = ["all"] }'),
        field: 'params.document',
      },
      { name: 'the policy of everyone', params: { ...params, name: 'default' }, field: 'params.name' },
      { name: "Countersign's own", params: { ...params, name: 'countersign-executor' }, field: 'params.name' },
      { name: 'a protected one', params: { ...params, name: `${prefix}-app-kept` }, field: 'params.name' },
      { name: 'one that is not listed', params: { ...params, name: 'elsewhere' }, field: 'params.name' },
    ],
    flagCases: [
      {
        name: 'a wildcard, at work',
        nowMs: AT_WORK,
        flags: ['production', 'wildcard_write'],
        not: ['sudo', 'sys_path', 'deny_removed', 'first_time', 'unusual_hour', 'access_lost'],
      },
      ...MOMENT_CASES,
      {
        name: 'what governs Vault',
        params: saying(
          'path "sys/*" { capabilities = ["sudo", "update"] }\npath "auth/token/*" { capabilities = ["update"] }',
        ),
        flags: ['sudo', 'sys_path', 'auth_path', 'wildcard_write', 'access_lost'],
      },
      {
        name: 'no longer denied',
        params: saying('path "secret/data/shop/*" { capabilities = ["read"] }'),
        flags: ['deny_removed'],
        not: ['wildcard_write'],
      },
      {
        name: 'deleted',
        params: { do: 'delete', target: target.name, name: shop },
        flags: ['policy_deleted', 'access_lost'],
      },
    ],
    snapshotTarget: async () => readAll(vaultAdmin, [shop, `${prefix}-app-other`]),
    async changeWhatDecides() {
      await set('path "secret/data/shop/*" { capabilities = ["read", "list"] }');
    },
    async changeElsewhere() {
      await vaultAdmin.write(`sys/policies/acl/${prefix}-app-other`, {
        policy: 'path "b" { capabilities = ["read"] }',
      });
    },
    async reset() {
      // As an undo writes it: what is compared is the policy, not its layout.
      await set(PRESENT);
      await vaultAdmin.delete(`sys/policies/acl/${prefix}-app-other`);
    },
    async countEffects() {
      const text = await read(vaultAdmin, shop);
      return text?.includes('update') === true ? 1 : 0;
    },
    undo: async (result) => undo(vaultAdmin, target, result['undo']),
    useCredential: (credential) => use(installation, credential as LeasedCredential<VaultToken>, shop),
    async stop() {
      await takeBack();
      for (const name of [shop, `${prefix}-app-other`]) await vaultAdmin.delete(`sys/policies/acl/${name}`);
    },
  };
}

function targetOf(prefix: string): VaultTarget {
  return vaultTargetSchema.parse({
    kind: 'vault',
    name: 'vault',
    environment: 'production',
    owners: [],
    hours: { timeZone: 'Europe/Berlin', from: 8, to: 18 },
    vault: { previewTokenRole: `${prefix}-preview-policies`, executeTokenRole: `${prefix}-execute-policies` },
    policies: [`${prefix}-app-*`],
    protectedPolicies: [`${prefix}-app-kept`],
  });
}

async function readAll(vault: VaultClient, names: readonly string[]): Promise<Json> {
  const texts = await Promise.all(names.map((name) => read(vault, name)));
  return texts.map((text) => text?.replace(/\s+/g, ' ').trim() ?? null);
}

async function read(vault: VaultClient, name: string): Promise<string | null> {
  try {
    const { data } = await vault.read(`sys/policies/acl/${name}`);
    return z.object({ policy: z.string() }).parse(data).policy;
  } catch (error) {
    if (error instanceof VaultFault && error.status === 404) return null;
    throw error;
  }
}

async function undo(admin: VaultClient, target: VaultTarget, params: unknown): Promise<void> {
  const vault = {
    read: (path: string) => admin.read(path),
    write: (path: string, body: object) => admin.write(path, body),
    delete: (path: string) => admin.delete(path),
    token: new Secret('none'),
    accessor: '',
  };
  const credential = {
    accessor: '',
    leaseIds: [],
    username: '',
    material: { vault },
    expiresAtMs: Date.now() + 60_000,
  };
  const asked = { actionId: '', agent: 'export-bot', params: paramsSchema.parse(params), target, credential };
  const host = { scratchDir: '', program: () => '' };
  const keepsakes = noKeepsakes;
  const signal = AbortSignal.timeout(60_000);
  await operation.check(asked.params, target);
  const { preview } = await operation.preview({
    ...asked,
    host,
    keepsakes,
    past: { sameKind: 1 },
    nowMs: Date.now(),
    signal,
  });
  await operation.execute({
    ...asked,
    host,
    keepsakes,
    approved: preview,
    artefactsDir: '',
    retainUntilMs: 0,
    progress: () => undefined,
    signal,
    beginEffect: () => Promise.resolve(),
  });
}

async function use(
  { vault }: TestInstallation,
  { material }: LeasedCredential<VaultToken>,
  policy: string,
): Promise<void> {
  const thief = createVaultClient({ address: vault.address, credential: () => material.vault.token });
  await thief.read(`sys/policies/acl/${policy}`);
}
