import { generateKeyPairSync } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseCertificate, requestCertificate } from '../../src/vault/credentials/ssh-certificate.js';
import { until } from '../support/until.js';
import { startSshHarness, type SshHarness } from './ssh-harness.js';

let harness: SshHarness;
let host: SshHarness['host'];
let actionOf: SshHarness['actionOf'];
beforeAll(async () => {
  harness = await startSshHarness();
  ({ host, actionOf } = harness);
});
afterAll(async () => {
  await harness.stop();
});
beforeEach(async () => {
  await host.reset();
});

describe('a certificate', () => {
  it('serves one run: the host refuses the second', async () => {
    const action = await actionOf({ command: [host.program, 'once'] });
    await action.execute();
    await expect(action.execute()).rejects.toMatchObject({ code: 'already_claimed' });
    expect(await host.effects()).toEqual(['once']);
  });

  it('serves no run after its end, though it has not expired', async () => {
    const action = await actionOf({ command: [host.program, 'late'] });
    await action.end();
    await expect(action.execute()).rejects.toMatchObject({ code: 'already_claimed' });
    expect(await host.effects()).toEqual([]);
  });

  it('says what was asked and nothing more', async () => {
    const { credential, actionId } = await actionOf({ command: [host.program, 'x'] });
    const certificate = parseCertificate(Buffer.from(credential.material.certificate, 'base64'));
    expect(certificate).toMatchObject({ kind: 'user', principals: ['deploy'], extensions: {} });
    expect(Object.keys(certificate?.criticalOptions ?? {}).sort()).toEqual(['force-command', 'source-address']);
    expect(certificate?.keyId).toMatch(new RegExp(`^countersign-${actionId}-[0-9a-z]{6}$`));
    expect((certificate?.validBeforeMs ?? 0) - Date.now()).toBeLessThanOrEqual(120_000);
  });

  it('cannot be used for another command, a terminal, or a forwarding', async () => {
    const { credential } = await actionOf({ command: ['/usr/bin/id', '-u'] });
    // What our script answers to words that are not the action's is 64.
    const attempts: readonly { args: readonly string[]; code: number; says: RegExp }[] = [
      { args: ['host', 'touch stolen'], code: 64, says: /^$/ },
      { args: ['host', 'run 01ARZ3NDEKTSV4RRFFQ69G5FAV; touch stolen'], code: 64, says: /^$/ },
      { args: ['-tt', 'host', 'touch stolen'], code: 255, says: /PTY allocation request failed/ },
      { args: ['-s', 'host', 'sftp'], code: 64, says: /^$/ },
      { args: ['-W', `127.0.0.1:${String(host.sshd.port)}`, 'host'], code: 255, says: /administratively prohibited/ },
      {
        args: ['-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:1', 'host', 'touch stolen'],
        code: 255,
        says: /remote port forwarding failed/,
      },
    ];
    for (const { args, code, says } of attempts) {
      const answer = await harness.asThief(credential.material, args);
      expect({ args, code: answer.code }).toEqual({ args, code });
      expect(answer.output).toMatch(says);
    }
    expect(Object.keys(await host.files()).filter((path) => path.endsWith('stolen'))).toEqual([]);
  });

  const refused = [['from another address', { sourceAddresses: ['192.0.2.0/24'] }]] as const;
  it.each(refused)('is refused %s', async (_, change) => {
    const { sourceAddresses } = change;
    const action = await actionOf({ command: [host.program, 'x'] }, { sourceAddresses: [...sourceAddresses] });
    await expect(action.execute()).rejects.toThrow(/refused the certificate/);
    expect(await host.effects()).toEqual([]);
  });

  it('is refused when it has expired', async () => {
    const { vault, user, sourceAddresses } = host.target;
    const terms = {
      keyId: 'countersign-test',
      user,
      forceCommand: '/bin/echo in',
      sourceAddresses,
      validSeconds: 5,
      fixedByRole: false,
    };
    const login = await requestCertificate(harness.admin, `${vault.mount}/sign/${vault.executeRole}`, terms);
    expect((await harness.asThief(login, ['host'])).output).toContain('in');
    await until(async () => (await harness.asThief(login, ['host'])).code !== 0, 20_000);
  });

  it('is not used when Vault signs something else than was asked', async () => {
    const { vault, user, sourceAddresses } = host.target;
    const path = `${vault.mount}/sign/${vault.previewRole}`;
    const terms = { keyId: 'k', user, sourceAddresses, validSeconds: 30, fixedByRole: true };
    await expect(requestCertificate(harness.admin, path, { ...terms, forceCommand: '/bin/true' })).rejects.toThrow(
      /does not force the command/,
    );
  });

  it('cannot be had for another command by the role of previews', async () => {
    const { vault, user, sourceAddresses } = host.target;
    const path = `${vault.mount}/sign/${vault.previewRole}`;
    const terms = { keyId: 'k', user, sourceAddresses, validSeconds: 30, forceCommand: '/bin/true' };
    await expect(requestCertificate(harness.admin, path, { ...terms, fixedByRole: false })).rejects.toThrow(
      /^Vault answered write \S+ with 400/,
    );
  });
});

describe('a host', () => {
  it('with another key than its entry names is told nothing', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    const prefix = Buffer.from('0000000b7373682d6564323535313900000020', 'hex');
    const hostKeys = [`ssh-ed25519 ${Buffer.concat([prefix, raw]).toString('base64')}`];
    const action = await actionOf({ command: [host.program, 'x'] });
    await expect(action.execute({ target: { hostKeys } })).rejects.toThrow(/host key/);
    expect(await host.effects()).toEqual([]);
  });

  it('that does not answer is a fault that passes', async () => {
    const action = await actionOf({ command: [host.program, 'x'] });
    await expect(action.execute({ target: { port: 1 } })).rejects.toMatchObject({ service: 'target', temporary: true });
  });

  it('keeps no key: nothing of a run is left in the scratch folder', async () => {
    const action = await actionOf({ command: [host.program, 'x'] });
    await action.execute();
    expect(await readdir(harness.scratchDir)).toEqual([]);
  });
});
