import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeyringFile, type KeyringFile } from '../../../apps/keyring-file.js';
import { sealKeyring } from '../../../src/core/keyring.js';
import { makeKey } from '../../support/signing.js';
import { until } from '../../support/until.js';

const root = makeKey('root');

let folder: string;
let file: string;
const told: string[] = [];
const logger = {
  warn: (about: object) => told.push(JSON.stringify(about)),
  error: ({ err }: { err: Error }) => told.push(err.message),
} as unknown as Parameters<KeyringFile['follow']>[0];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-keyring-'));
  file = join(folder, 'keyring.json');
  told.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

async function put(number: number, signer = root.signer): Promise<void> {
  await writeFile(file, JSON.stringify(await sealKeyring({ number, keys: [] }, signer)));
}

function openFile(leastNumber = 1): Promise<KeyringFile> {
  return openKeyringFile({
    COUNTERSIGN_ROOT_KEY: root.publicKey.publicKey,
    COUNTERSIGN_KEYRING_FILE: file,
    COUNTERSIGN_KEYRING_MIN_NUMBER: leastNumber,
  });
}

describe('the keyring’s file', () => {
  it('is taken up when it changes, without a restart; never an older one, nor one by another root, nor half of one', async () => {
    await put(2);
    const opened = await openFile();
    const following = opened.follow(logger, 5);
    await put(3);
    await until(async () => opened.keyring().number === 3);
    for (const [change, says] of [
      [() => put(2), 'number 3 was in force already'],
      [() => put(4, makeKey('root').signer), 'not signed by the root key'],
      [() => writeFile(file, '{"payload":'), 'JSON'],
      [() => rm(file), 'ENOENT'],
    ] as const) {
      await change();
      await until(async () => told.some((message) => message.includes(says)));
      expect(opened.keyring().number).toBe(3);
    }
    await put(5);
    await until(async () => opened.keyring().number === 5);
    await following.stop();
  });

  it('is not opened below the least number that configuration pins, also by a process that saw no newer one', async () => {
    await put(2);
    expect((await openFile(2)).keyring().number).toBe(2);
    await expect(openFile(3)).rejects.toMatchObject({
      code: 'statement_invalid',
      message: expect.stringContaining('configuration pins 3 as the least') as string,
    });
  });
});
