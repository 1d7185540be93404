import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessName } from '../../src/core/schemas/statements.js';
import type { VaultAnswer, VaultClient } from '../../src/vault/client.js';
import { VaultFault } from '../../src/vault/vault-fault.js';
import { installForTest, type TestInstallation } from '../support/installation.js';

const PROCESSES: readonly ProcessName[] = ['gateway', 'worker', 'executor', 'notary'];

/** Paths of this installation, by what they are. */
interface Paths {
  transit: string;
  database: string;
  approle: string;
  /** Mount of the policy store. */
  policyStore: string;
  previewTokenRole: string;
  executeTokenRole: string;
  policy: string;
}

type Attempt = [what: string, attempt: (vault: VaultClient, paths: Paths) => Promise<VaultAnswer>];

const sign = (key: string): Attempt => [
  `sign with ${key}`,
  (vault, { transit }) => vault.write(`${transit}/sign/${key}`, { batch_input: [{ input: 'YQ==' }] }),
];
const createToken = (purpose: 'preview' | 'execute'): Attempt => [
  `create ${purpose} tokens`,
  (vault, paths) =>
    vault.write(`auth/token/create/${paths[`${purpose}TokenRole`]}`, { display_name: 'x' }, { wrapTtlSeconds: 60 }),
];
const makeContentKey: Attempt = [
  'make keys for the content store',
  (vault, { transit }) => vault.write(`${transit}/datakey/plaintext/content`, {}),
];
const openContentKey: Attempt = [
  'open keys of the content store',
  (vault, { transit }) => vault.write(`${transit}/decrypt/content`, { ciphertext: 'vault:v1:bm90aGluZw==' }),
];
const makePayloadKey: Attempt = [
  'make keys for payloads',
  (vault, { transit }) => vault.write(`${transit}/datakey/plaintext/payloads`, {}),
];
const openPayloadKey: Attempt = [
  'open keys of payloads',
  (vault, { transit }) => vault.write(`${transit}/decrypt/payloads`, { ciphertext: 'vault:v1:bm90aGluZw==' }),
];
const readCredential = (role: string): Attempt => [
  `read the credential ${role} itself`,
  (vault, { database }) => vault.read(`${database}/creds/${role}`),
];
const revokeLease = (role: string): Attempt => [
  `revoke leases of ${role}`,
  (vault, { database }) =>
    vault.write('sys/leases/revoke', { lease_id: `${database}/creds/${role}/nothing`, sync: true }),
];
const lookUpAccessor: Attempt = [
  'look up accessors',
  (vault) => vault.write('auth/token/lookup-accessor', { accessor: 'nothing' }),
];
const revokeAccessor: Attempt = [
  'revoke accessors',
  (vault) => vault.write('auth/token/revoke-accessor', { accessor: 'nothing' }),
];
const readPolicyStore: Attempt = [
  'read the policy store',
  (vault, { policyStore }) => vault.read(`${policyStore}/data/current`),
];
const listAccessors: Attempt = ['list accessors', (vault) => vault.list('auth/token/accessors')];

// What no process may do, whatever else it may.
const nobody: Attempt[] = [
  ['create a token without a role', (vault) => vault.write('auth/token/create', {}, { wrapTtlSeconds: 60 })],
  ['create an orphan', (vault) => vault.write('auth/token/create-orphan', {}, { wrapTtlSeconds: 60 })],
  ['read the mounts', (vault) => vault.read('sys/mounts')],
  ['read a policy', (vault, { policy }) => vault.read(`sys/policies/acl/${policy}`)],
  [
    'write its own policy',
    (vault, { policy }) =>
      vault.write(`sys/policies/acl/${policy}`, { policy: 'path "*" { capabilities = ["sudo"] }' }),
  ],
  [
    'change a token role',
    (vault, { executeTokenRole }) =>
      vault.write(`auth/token/roles/${executeTokenRole}`, { allowed_policies: ['root'] }),
  ],
  [
    'change a database role',
    (vault, { database }) => vault.write(`${database}/roles/orders-execute`, { db_name: 'x' }),
  ],
  ['read the database connection', (vault, { database }) => vault.read(`${database}/config/orders`)],
  [
    'make a secret id',
    (vault, { approle }) => vault.write(`auth/${approle}/role/executor/secret-id`, {}, { wrapTtlSeconds: 60 }),
  ],
  ['read a role id', (vault, { approle }) => vault.read(`auth/${approle}/role/executor/role-id`)],
  [
    'encrypt with the key of the content store',
    (vault, { transit }) => vault.write(`${transit}/encrypt/content`, { plaintext: 'YQ==' }),
  ],
  [
    'export the key of the content store',
    (vault, { transit }) => vault.read(`${transit}/export/encryption-key/content`),
  ],
  [
    'encrypt with the key of payloads',
    (vault, { transit }) => vault.write(`${transit}/encrypt/payloads`, { plaintext: 'YQ==' }),
  ],
  [
    'rewrap keys of payloads',
    (vault, { transit }) => vault.write(`${transit}/rewrap/payloads`, { ciphertext: 'vault:v1:bm90aGluZw==' }),
  ],
  ['export the key of payloads', (vault, { transit }) => vault.read(`${transit}/export/encryption-key/payloads`)],
  ['rotate the key of payloads', (vault, { transit }) => vault.write(`${transit}/keys/payloads/rotate`, {})],
  [
    'disable versions of the key of payloads',
    (vault, { transit }) => vault.write(`${transit}/keys/payloads/config`, { min_decryption_version: 1 }),
  ],
  ['delete the key of payloads', (vault, { transit }) => vault.delete(`${transit}/keys/payloads`)],
  ['delete the key of the content store', (vault, { transit }) => vault.delete(`${transit}/keys/content`)],
  ['export a key', (vault, { transit }) => vault.read(`${transit}/export/signing-key/decision`)],
  ['rotate a key', (vault, { transit }) => vault.write(`${transit}/keys/decision/rotate`, {})],
  ['make a key', (vault, { transit }) => vault.write(`${transit}/keys/mine`, { type: 'ed25519' })],
  ['delete a key', (vault, { transit }) => vault.delete(`${transit}/keys/decision`)],
  ['revoke a prefix', (vault, { database }) => vault.write(`sys/leases/revoke-prefix/${database}`, {})],
  [
    'revoke a lease of another mount',
    (vault) => vault.write('sys/leases/revoke', { lease_id: 'another/creds/role/x', sync: true }),
  ],
  [
    'revoke without waiting',
    (vault, { database }) =>
      vault.write('sys/leases/revoke', { lease_id: `${database}/creds/orders-execute/x`, sync: false }),
  ],
  [
    'put a policy bundle into the store',
    (vault, { policyStore }) => vault.write(`${policyStore}/data/bundles/2`, { options: { cas: 0 }, data: {} }),
  ],
  [
    'point to another policy bundle',
    (vault, { policyStore }) => vault.write(`${policyStore}/data/current`, { options: { cas: 0 }, data: {} }),
  ],
  ['delete a policy bundle', (vault, { policyStore }) => vault.delete(`${policyStore}/data/bundles/2`)],
  ['forget a policy bundle', (vault, { policyStore }) => vault.delete(`${policyStore}/metadata/bundles/2`)],
  [
    'let policy be written without compare-and-set',
    (vault, { policyStore }) => vault.write(`${policyStore}/config`, { cas_required: false }),
  ],
  ['disable the audit', (vault) => vault.delete('sys/audit/file')],
  ['seal Vault', (vault) => vault.write('sys/seal', {})],
  readCredential('orders-preview'),
  readCredential('orders-execute'),
];

const may: Record<ProcessName, Attempt[]> = {
  gateway: [
    readPolicyStore,
    makePayloadKey,
    openPayloadKey,
    sign('decision'),
    sign('intake'),
    makeContentKey,
    openContentKey,
  ],
  worker: [
    readPolicyStore,
    makePayloadKey,
    openPayloadKey,
    makeContentKey,
    openContentKey,
    sign('worker'),
    createToken('preview'),
    revokeLease('orders-preview'),
    revokeAccessor,
  ],
  executor: [
    readPolicyStore,
    makePayloadKey,
    openPayloadKey,
    openContentKey,
    sign('executor'),
    createToken('execute'),
    revokeLease('orders-execute'),
    revokeAccessor,
  ],
  notary: [
    readPolicyStore,
    makePayloadKey,
    openPayloadKey,
    makeContentKey,
    openContentKey,
    sign('receipt'),
    sign('checkpoint'),
    revokeLease('orders-preview'),
    revokeLease('orders-execute'),
    revokeAccessor,
    lookUpAccessor,
    listAccessors,
    readCredential('orders-witness'),
  ],
};

const everything = [
  readPolicyStore,
  ...['decision', 'intake', 'worker', 'executor', 'receipt', 'checkpoint'].map(sign),
  makePayloadKey,
  openPayloadKey,
  makeContentKey,
  openContentKey,
  createToken('preview'),
  createToken('execute'),
  revokeLease('orders-preview'),
  revokeLease('orders-execute'),
  revokeAccessor,
  lookUpAccessor,
  listAccessors,
  readCredential('orders-witness'),
];

describe('what each process may do at Vault', () => {
  let installation: TestInstallation;
  const sessions = new Map<ProcessName, VaultClient>();

  beforeAll(async () => {
    installation = await installForTest();
    for (const process of PROCESSES) sessions.set(process, (await installation.become(process)).vault);
  });
  afterAll(() => installation.close());

  const outcome = async (process: ProcessName, attempt: Attempt[1]): Promise<'allowed' | 'denied'> => {
    const { mounts, tokenRoles } = installation.vault;
    const [previewTokenRole = '', executeTokenRole = ''] = tokenRoles;
    const vault = sessions.get(process);
    if (vault === undefined) throw new Error(`${process} has not logged in`);
    try {
      await attempt(vault, {
        ...mounts,
        policyStore: mounts.policy,
        previewTokenRole,
        executeTokenRole,
        policy: `${installation.name}-${process}`,
      });
      return 'allowed';
    } catch (error) {
      // Unknown leases and accessors are refused too, but not by policy.
      return error instanceof VaultFault && error.says(/permission denied/) ? 'denied' : 'allowed';
    }
  };

  for (const process of PROCESSES) {
    const allowed = new Set(may[process].map(([what]) => what));
    it.each(everything.map(([what, attempt]) => [allowed.has(what) ? 'may' : 'may not', what, attempt] as const))(
      `${process} %s %s`,
      async (verb, _, attempt) => {
        expect(await outcome(process, attempt)).toBe(verb === 'may' ? 'allowed' : 'denied');
      },
    );
    it.each(nobody)(`${process} may not %s`, async (_, attempt) => {
      expect(await outcome(process, attempt)).toBe('denied');
    });
  }

  describe.each([
    ['worker', 'preview'],
    ['executor', 'execute'],
  ] as const)('the tokens that the %s creates', (process, purpose) => {
    it.each([
      ['unwrapped', undefined],
      ['wrapped too briefly to be recorded first', 1],
      ['wrapped for long', 3_600],
    ])('are never %s', async (_, wrapTtlSeconds) => {
      const tokenRole = installation.vault.tokenRoles[purpose === 'preview' ? 0 : 1] ?? '';
      const wrapping = wrapTtlSeconds === undefined ? {} : { wrapTtlSeconds };
      await expect(
        sessions.get(process)?.write(`auth/token/create/${tokenRole}`, { display_name: 'x' }, wrapping),
      ).rejects.toMatchObject({ status: 403 });
    });

    it.each([
      ['policies of its choice', { policies: ['root'] }],
      ['no end', { period: '1h' }],
      ['many uses', { num_uses: 100 }],
      ['an id of its choice', { id: 'chosen' }],
    ])('cannot have %s', async (_, parameters) => {
      const tokenRole = installation.vault.tokenRoles[purpose === 'preview' ? 0 : 1] ?? '';
      const vault = sessions.get(process);
      await expect(
        vault?.write(`auth/token/create/${tokenRole}`, parameters, { wrapTtlSeconds: 60 }),
      ).rejects.toMatchObject({ status: 403 });
    });

    it('are orphans that read one credential, end in time, and cannot be renewed', async () => {
      const { tokenRoles } = installation.vault;
      const tokenRole = tokenRoles[purpose === 'preview' ? 0 : 1] ?? '';
      const answer = await sessions
        .get(process)
        ?.write(`auth/token/create/${tokenRole}`, { ttl: '24h', explicit_max_ttl: '24h' }, { wrapTtlSeconds: 60 });
      const { wrapped_accessor: accessor } = answer?.wrap_info as { wrapped_accessor: string };
      const { data } = await installation.vaultAdmin.write('auth/token/lookup-accessor', { accessor });
      expect(data).toMatchObject({
        orphan: true,
        renewable: false,
        num_uses: 2,
        policies: [tokenRole],
        role: tokenRole,
      });
      expect((data as { ttl: number }).ttl).toBeLessThanOrEqual(3_600);
    });
  });

  it('a secret id works once, and only for the process it was made for', async () => {
    const login = await installation.issueLogin('executor');
    const { logInToVault } = await import('../../src/vault/login.js');
    const { address } = installation.vault;
    await expect(logInToVault({ address, ...login, role: 'gateway' })).rejects.toThrow(/exchanged/);
    const session = await logInToVault({ address, ...login });
    await expect(logInToVault({ address, ...login })).rejects.toMatchObject({ status: 400, temporary: false });
    await session.close();
    await expect(session.read('auth/token/lookup-self')).rejects.toMatchObject({ status: 403 });
  });
});
