import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { open, seal } from '../../src/core/dsse.js';
import { KEY_PURPOSES, keysFor, openKeyring } from '../../src/core/keyring.js';
import { logInToVault } from '../../src/vault/login.js';
import { createTransitSigner, readTransitKeys } from '../../src/vault/transit-signer.js';
import type { VaultFault } from '../../src/vault/vault-fault.js';
import { installForTest, type TestInstallation } from '../support/installation.js';
import { makeKey } from '../support/signing.js';
import { until } from '../support/until.js';

describe('Vault', () => {
  let installation: TestInstallation;
  beforeAll(async () => {
    installation = await installForTest();
  });
  afterAll(() => installation.close());

  describe('transit keys', () => {
    it('sign a batch that the keyring verifies, each message by itself', async () => {
      const { vault } = await installation.become('gateway');
      const signer = await createTransitSigner({
        client: vault,
        mount: installation.vault.mounts.transit,
        purpose: 'decision',
      });
      expect(signer.keyid).toBe('decision/1');
      const envelopes = await seal([{ n: 1 }, { n: 2 }, { n: 3 }], signer);
      const keys = keysFor(installation.keys, 'decision');
      expect(envelopes.map((envelope) => open(envelope, keys))).toEqual(
        [1, 2, 3].map((n) => ({ ok: true, keyid: 'decision/1', payload: { n } })),
      );
      expect(open(envelopes[0], keysFor(installation.keys, 'receipt'))).toEqual({ ok: false, fault: 'key_unknown' });
      expect(await signer.sign([])).toEqual([]);
    });

    it('keep the version they began with after a rotation; old and new are in the keyring', async () => {
      const { vaultAdmin, vault } = installation;
      const { transit } = vault.mounts;
      const before = await createTransitSigner({ client: vaultAdmin, mount: transit, purpose: 'worker' });
      await vaultAdmin.write(`${transit}/keys/worker/rotate`, {});
      const after = await createTransitSigner({ client: vaultAdmin, mount: transit, purpose: 'worker' });
      const keys = await readTransitKeys(vaultAdmin, transit);
      expect(keys.map(({ keyid }) => keyid)).toEqual(
        KEY_PURPOSES.flatMap((purpose) => (purpose === 'worker' ? ['worker/1', 'worker/2'] : [`${purpose}/1`])),
      );
      for (const [signer, keyid] of [
        [before, 'worker/1'],
        [after, 'worker/2'],
      ] as const) {
        const [envelope] = await seal([{}], signer);
        expect(open(envelope, keys)).toMatchObject({ ok: true, keyid });
      }
    });

    it('fault when there is no such key, or it may not be read', async () => {
      const { vault } = await installation.become('gateway');
      const { transit } = installation.vault.mounts;
      await expect(createTransitSigner({ client: vault, mount: transit, purpose: 'executor' })).rejects.toMatchObject({
        status: 403,
        temporary: false,
      });
      await expect(
        createTransitSigner({ client: installation.vaultAdmin, mount: `${transit}x`, purpose: 'executor' }),
      ).rejects.toMatchObject({ status: 404 });
    });
  });

  it('the keyring opens with the root of the installation only', () => {
    expect(openKeyring(installation.keyring, installation.root).keys).toHaveLength(KEY_PURPOSES.length);
    expect(() =>
      openKeyring(installation.keyring, { ...makeKey('root').publicKey, keyid: installation.root.keyid }),
    ).toThrow(/not signed by the root/);
  });

  describe('a login', () => {
    it('does not begin with a secret id that was exchanged for another role’s, and leaves that wrapped', async () => {
      const [own, others] = [await installation.issueLogin('gateway'), await installation.issueLogin('notary')];
      const { address } = installation.vault;
      const exchanged = { ...own, wrappedSecretId: others.wrappedSecretId };
      await expect(logInToVault({ address, ...exchanged })).rejects.toThrow(
        /wrapped secret id was not made for this role: it may have been exchanged on its way/,
      );
      await (await logInToVault({ address, ...others })).close();
    });

    it('is kept alive past its period', async () => {
      const { approle } = installation.vault.mounts;
      await installation.vaultAdmin.write(`auth/${approle}/role/gateway`, { token_period: '2s' });
      const session = await logInToVault({
        address: installation.vault.address,
        ...(await installation.issueLogin('gateway')),
      });
      const endsAt = Date.now() + 4_500;
      await until(async () => {
        await session.read(`${installation.vault.mounts.transit}/keys/intake`).catch((error: unknown) => {
          throw new Error('the token ended', { cause: error });
        });
        return Date.now() > endsAt;
      });
      await session.close();
    });

    it('tells once when its token was revoked behind its back', async () => {
      const { approle } = installation.vault.mounts;
      await installation.vaultAdmin.write(`auth/${approle}/role/gateway`, { token_period: '2s' });
      const lost: VaultFault[] = [];
      const session = await logInToVault({
        address: installation.vault.address,
        ...(await installation.issueLogin('gateway')),
        onLost: (fault) => lost.push(fault),
      });
      await session.write('auth/token/revoke-self', {});
      await until(async () => lost.length > 0);
      expect(lost).toMatchObject([{ status: 403, temporary: false }]);
      await session.close();
    });
  });
});
