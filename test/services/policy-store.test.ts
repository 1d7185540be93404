import { afterAll, beforeAll, expect, it } from 'vitest';
import { examplePolicyStore } from '../../apps/devstack/operations/policy-store.js';
import { Secret } from '../../src/core/secret.js';
import { createVaultClient, type VaultAnswer, type VaultClient } from '../../src/vault/client.js';
import { installForTest, type TestInstallation } from '../support/installation.js';

let installation: TestInstallation;
const tokens = new Map<'preview' | 'execute', Secret>();

beforeAll(async () => {
  installation = await installForTest({ further: [examplePolicyStore] });
  const [worker, executor] = await Promise.all([installation.become('worker'), installation.become('executor')]);
  for (const [purpose, { vault }] of [
    ['preview', worker],
    ['execute', executor],
  ] as const) {
    const path = `auth/token/create/${installation.name}-${purpose}-policy`;
    tokens.set(purpose, await unwrapped(vault, await vault.write(path, {}, { wrapTtlSeconds: 60 })));
  }
});
afterAll(() => installation.close());

const paths = {
  bundle: 'data/bundles/2',
  pointer: 'data/current',
  other: 'data/other',
  metadata: 'metadata/bundles/2',
  config: 'config',
};
type Attempt = [
  what: string,
  ask: (vault: VaultClient, mount: string) => Promise<unknown>,
  by: Record<'preview' | 'execute', number | 'done'>,
];
const write = (path: string, options: object) => (vault: VaultClient, mount: string) =>
  vault.write(`${mount}/${path}`, { options, data: { by: 'test' } });

// In this order: what one of them leaves, the next one finds.
it.each<Attempt>([
  ['write a bundle without compare-and-set', write(paths.bundle, {}), { preview: 403, execute: 400 }],
  ['write a bundle', write(paths.bundle, { cas: 0 }), { preview: 403, execute: 'done' }],
  ['overwrite one that it has not read', write(paths.bundle, { cas: 0 }), { preview: 403, execute: 400 }],
  ['write the pointer', write(paths.pointer, { cas: 0 }), { preview: 403, execute: 'done' }],
  ['read the pointer', (vault, mount) => vault.read(`${mount}/${paths.pointer}`), { preview: 'done', execute: 'done' }],
  ['write anything else', write(paths.other, { cas: 0 }), { preview: 403, execute: 403 }],
  ['delete a bundle', (vault, mount) => vault.delete(`${mount}/${paths.bundle}`), { preview: 403, execute: 403 }],
  ['forget a bundle', (vault, mount) => vault.delete(`${mount}/${paths.metadata}`), { preview: 403, execute: 403 }],
  [
    'change the store',
    (vault, mount) => vault.write(`${mount}/${paths.config}`, { cas_required: false }),
    { preview: 403, execute: 403 },
  ],
])('what the tokens of an action may: %s', async (_, ask, by) => {
  for (const purpose of ['preview', 'execute'] as const) {
    const vault = createVaultClient({
      address: installation.vault.address,
      credential: () => tokens.get(purpose) ?? null,
    });
    const answer = await ask(vault, installation.vault.mounts.policy).then(
      () => 'done',
      (error: unknown) => (error as { status?: number }).status,
    );
    expect(answer, purpose).toBe(by[purpose]);
  }
});

async function unwrapped(vault: VaultClient, { wrap_info: wrapping }: VaultAnswer): Promise<Secret> {
  const credential = new Secret((wrapping as { token: string }).token);
  const { auth } = await vault.write('sys/wrapping/unwrap', {}, { credential });
  return new Secret((auth as { client_token: string }).client_token);
}
