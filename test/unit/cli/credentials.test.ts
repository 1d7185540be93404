import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialStore, type SignIn } from '../../../apps/cli/credentials.js';
import { Secret } from '../../../src/core/secret.js';

const signIn: SignIn = { accessToken: new Secret('token-of-dora'), expiresAtMs: 5, issuer: 'https://id.example.com' };
const GATEWAY = 'https://countersign.example.com';
let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-credentials-'));
  path = join(folder, 'countersign', 'credentials.json');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('sign-ins', () => {
  it('are kept by gateway, in a file and a folder for this user alone', async () => {
    const store = createCredentialStore(path);
    await store.save(GATEWAY, signIn);
    await store.save('https://other.example.com', { ...signIn, accessToken: new Secret('another') });
    expect((await store.find(GATEWAY))?.accessToken.reveal()).toBe('token-of-dora');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(path))).toEqual(['credentials.json']);
  });

  it('are forgotten one by one', async () => {
    const store = createCredentialStore(path);
    await store.save(GATEWAY, signIn);
    await store.save('https://other.example.com', signIn);
    expect(await store.remove(GATEWAY)).toBe(true);
    expect(await store.remove(GATEWAY)).toBe(false);
    expect(await store.find(GATEWAY)).toBeNull();
    expect(await store.find('https://other.example.com')).not.toBeNull();
    expect(await readFile(path, 'utf8')).not.toContain(GATEWAY);
  });

  it('are not there before anybody signed in', async () => {
    expect(await createCredentialStore(path).find(GATEWAY)).toBeNull();
  });

  it.each([0o640, 0o604, 0o666])('are not read from a file of mode %o', async (mode) => {
    const store = createCredentialStore(path);
    await store.save(GATEWAY, signIn);
    await chmod(path, mode);
    await expect(store.find(GATEWAY)).rejects.toThrow('chmod 600');
  });

  it.each(['', '{', '{"version":2,"gateways":{}}'])('are not guessed from %j', async (text) => {
    const store = createCredentialStore(path);
    await store.save(GATEWAY, signIn);
    await writeFile(path, text);
    await expect(store.find(GATEWAY)).rejects.toThrow('sign in again');
  });

  it('do not print their token', async () => {
    const store = createCredentialStore(path);
    await store.save(GATEWAY, signIn);
    const found = await store.find(GATEWAY);
    expect(inspect(found) + JSON.stringify(found)).not.toContain('token-of-dora');
  });
});
