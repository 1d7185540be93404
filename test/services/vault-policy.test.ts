import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { renderPolicy } from '../../src/operations/vault-policy/document.js';
import { ruleAt } from '../../src/operations/vault-policy/effective.js';
import { executePolicy } from '../../src/operations/vault-policy/execute.js';
import { paramsSchema, type VaultPolicyParams } from '../../src/operations/vault-policy/params.js';
import { readPolicy } from '../../src/operations/vault-policy/read-policy.js';
import { policyReaderPolicy, policyWriterPolicy } from '../../src/operations/vault-policy/vault-role.js';
import { vaultPolicy } from '../../src/operations/vault-policy/vault-policy.js';
import { vaultTargetSchema, type VaultTarget } from '../../src/targets/vault.js';
import { createVaultClient, type VaultAnswer, type VaultClient } from '../../src/vault/client.js';
import type { TokenVault } from '../../src/vault/leases.js';
import { VaultFault } from '../../src/vault/vault-fault.js';
import { installForTest, type TestInstallation } from '../support/installation.js';
import { noKeepsakes } from '../support/keepsakes.js';

// What the contract suite asks of every operation is there, with real leases; here is what only this one has.
let installation: TestInstallation;
let admin: VaultClient;
let prefix: string;
beforeAll(async () => {
  installation = await installForTest();
  admin = installation.vaultAdmin;
  prefix = installation.name;
});
afterAll(async () => {
  for (const name of ['oracle', 'app-one', 'app-kept', 'reader', 'writer'])
    await admin.delete(`sys/policies/acl/${prefix}-${name}`);
  await installation.close();
});

async function underPolicy(name: string, policy: string): Promise<VaultClient & { token: Secret }> {
  await admin.write(`sys/policies/acl/${name}`, { policy });
  const { auth } = await admin.write('auth/token/create', { policies: [name], no_default_policy: true, ttl: '5m' });
  const token = new Secret((auth as { client_token: string }).client_token);
  return { ...createVaultClient({ address: installation.vault.address, credential: () => token }), token };
}

describe('what we say a policy allows', () => {
  const DOCUMENTS = [
    'path "secret/*" { capabilities = ["read"] }\npath "secret/foo/*" { capabilities = ["list", "update"] }\npath "secret/+/bar/*" { capabilities = ["delete"] }',
    'path "secret/+/bar" { capabilities = ["read"] }\npath "secret/foo/+" { capabilities = ["update"] }\npath "secret/foo/bar/x" { capabilities = ["deny"] }',
    'path "secret/f*" { capabilities = ["read"] }\npath "secret/fo*" { capabilities = ["deny"] }\npath "secret/foo/bar" { capabilities = ["read", "sudo"] }\npath "+/foo/baz" { capabilities = ["list"] }',
    'path "*" { capabilities = ["read"] }\npath "secret/+/+" { capabilities = ["create", "update"] }\npath "secret/+/*" { capabilities = ["patch"] }',
    '{"path": {"secret/foo": {"capabilities": ["read"]}, "secret/foo/": {"capabilities": ["list"]}}}',
  ];
  const PATHS = [
    'secret',
    'secret/foo',
    'secret/foo/bar',
    'secret/foo/bar/x',
    'secret/foo/baz',
    'secret/f',
    'secret/x/bar',
    'secret/x/bar/y/z',
    'secret/x/y',
    'other/foo/baz',
    'other',
  ];

  it.each(DOCUMENTS)('is what Vault says: %s', async (text) => {
    const document = readPolicy(text);
    // Written in our own form: it must mean to Vault what it means to us.
    const holder = await underPolicy(`${prefix}-oracle`, renderPolicy(document));
    const said: Record<string, string[]> = {};
    const ours: Record<string, string[]> = {};
    for (const path of PATHS) {
      const { data } = await admin.write('sys/capabilities', { token: holder.token.reveal(), paths: [path] });
      said[path] = [...((data as Record<string, string[]>)[path] ?? [])].sort();
      ours[path] = ruleAt(document, path)?.capabilities ?? ['deny'];
    }
    expect(ours).toEqual(said);
  });
});

describe('the tokens of vault.policy', () => {
  const patterns = (): [string[], string[]] => [[`${prefix}-app-*`], [`${prefix}-app-kept`]];
  const write = (vault: VaultClient, name: string) =>
    vault.write(`sys/policies/acl/${name}`, { policy: 'path "a" { capabilities = ["read"] }' });
  const isRefused = { status: 403 };

  it('read for a preview, and no more', async () => {
    const reader = await underPolicy(`${prefix}-reader`, policyReaderPolicy(...patterns()));
    await write(admin, `${prefix}-app-one`);
    await expect(reader.read(`sys/policies/acl/${prefix}-app-one`)).resolves.toBeDefined();
    await expect(write(reader, `${prefix}-app-one`)).rejects.toMatchObject(isRefused);
    await expect(reader.delete(`sys/policies/acl/${prefix}-app-one`)).rejects.toMatchObject(isRefused);
  });

  it('write what actions may touch, and nothing else', async () => {
    const writer = await underPolicy(`${prefix}-writer`, policyWriterPolicy(...patterns()));
    await expect(write(writer, `${prefix}-app-one`)).resolves.toBeDefined();
    for (const name of [`${prefix}-app-kept`, `${prefix}-executor`, 'countersign-x', 'default'])
      await expect(write(writer, name), name).rejects.toMatchObject(isRefused);
    const forbidden = [
      writer.list('sys/policies/acl'),
      writer.read('sys/mounts'),
      writer.write('auth/token/create', {}),
    ];
    for (const outcome of await Promise.allSettled(forbidden))
      expect(outcome).toMatchObject({ status: 'rejected', reason: isRefused });
  });
});

describe('the write', () => {
  let target: VaultTarget;
  let params: VaultPolicyParams;
  const BEFORE = 'path "a" { capabilities = ["read"] }';
  const AFTER = 'path "a" { capabilities = ["list"] }';
  beforeAll(() => {
    target = vaultTargetSchema.parse({
      kind: 'vault',
      name: 'vault',
      environment: 'production',
      owners: [],
      hours: { timeZone: 'UTC', from: 0, to: 24 },
      vault: { previewTokenRole: `${prefix}-p`, executeTokenRole: `${prefix}-e` },
      policies: [`${prefix}-app-*`],
      protectedPolicies: [],
    });
    params = paramsSchema.parse({ do: 'set', target: 'vault', name: `${prefix}-app-one`, document: AFTER });
  });
  const path = (): string => `sys/policies/acl/${prefix}-app-one`;
  const present = async (): Promise<unknown> => ((await admin.read(path())).data as { policy: string }).policy;

  /** Runs it on a Vault whose write does something else first. */
  /** What the operation is told, with a Vault of ours in place of the child token's. */
  const askedThrough = (vault: TokenVault) => ({
    actionId: '',
    agent: 'export-bot',
    params,
    target,
    credential: {
      accessor: 'none',
      leaseIds: [],
      username: 'none',
      material: { vault },
      expiresAtMs: Date.now() + 60_000,
    },
    host: { scratchDir: '', program: () => '' },
    keepsakes: noKeepsakes,
    signal: AbortSignal.timeout(60_000),
  });

  async function run(
    write: (policyPath: string, body: object) => Promise<VaultAnswer> = (policyPath, body) =>
      admin.write(policyPath, body),
    beginEffect: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    await admin.write(path(), { policy: BEFORE });
    const vault: TokenVault = {
      read: (policyPath) => admin.read(policyPath),
      write,
      delete: (policyPath) => admin.delete(policyPath),
      token: new Secret('none'),
      accessor: 'none',
    };
    const asked = askedThrough(vault);
    const { preview } = await vaultPolicy.preview({ ...asked, past: { sameKind: 1 }, nowMs: Date.now() });
    return executePolicy({
      ...asked,
      approved: preview,
      artefactsDir: '',
      retainUntilMs: 0,
      progress: () => undefined,
      async beginEffect() {
        await beginEffect();
      },
    }).then((result) => ({ result, preview }));
  }

  it('is not made when somebody changed the policy at the last moment', async () => {
    const other = 'path "b" { capabilities = ["read"] }';
    await expect(run(undefined, () => admin.write(path(), { policy: other }))).rejects.toMatchObject({
      message: expect.stringContaining('nothing was written') as string,
    });
    expect(await present()).toBe(other);
  });

  it('is done when its answer is lost, and Vault says so', async () => {
    const { result, preview } = await run(async (policyPath, body) => {
      await admin.write(policyPath, body);
      throw new VaultFault('write', null, ['no answer']);
    });
    expect(vaultPolicy.checkEffect(preview, result)).toEqual([]);
  });

  it('is not done when Vault says so', async () => {
    const failed = run(() => Promise.reject(new VaultFault('write', 500, ['internal error'])));
    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('as it was before') as string });
  });

  it('is unknown when no answer came and it is not there yet: it may be on its way', async () => {
    const failed = run(() => Promise.reject(new VaultFault('write', null, ['no answer'])));
    await expect(failed).rejects.toMatchObject({ name: 'OutcomeUnknown' });
  });

  it('is unknown when neither is there', async () => {
    const failed = run(async (policyPath) => {
      await admin.write(policyPath, { policy: 'path "c" { capabilities = ["read"] }' });
      throw new VaultFault('write', null, ['no answer']);
    });
    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('not known') as string });
  });

  it('is flagged when what is there afterwards is something else', async () => {
    const { result, preview } = await run((policyPath) =>
      admin.write(policyPath, { policy: 'path "c" { capabilities = ["sudo"] }' }),
    );
    expect(vaultPolicy.checkEffect(preview, result)).toMatchObject([{ code: 'effect_mismatch', severity: 'critical' }]);
  });

  it('is refused on a policy that holds what we do not know', async () => {
    await admin.write(path(), { policy: 'path "a" { policy = "write" }' });
    const vault = { read: (policyPath: string) => admin.read(policyPath) } as TokenVault;
    const asked = askedThrough(vault);
    await expect(vaultPolicy.preview({ ...asked, past: { sameKind: 1 }, nowMs: 0 })).rejects.toMatchObject({
      code: 'change_forbidden',
      field: 'params.name',
    });
  });
});
