import { mkdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundleDigest } from '../../../src/policy/bundle-files.js';
import { checkBundle, loadBundle } from '../../../src/policy/load-bundle.js';
import { editedBundle, emptyFolder, EXAMPLE, problemsOf } from './bundle-folders.js';

const EXPORTS = 'database-export.cedar';

describe('the pinned digest', () => {
  test('is of the content: a copy has the same, a changed comment another', async () => {
    const digest = await bundleDigest(EXAMPLE);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await bundleDigest(await editedBundle([]))).toBe(digest);
    expect(await bundleDigest(await editedBundle([{ file: EXPORTS, from: null, to: '// more\n' }]))).not.toBe(digest);
  });

  test('lets exactly its bundle load', async () => {
    const digest = await bundleDigest(EXAMPLE);
    const policy = await loadBundle(EXAMPLE, { pinnedDigest: digest });
    expect(policy.bundle).toEqual({ digest, number: 1 });
    expect(policy.targets().map((target) => target.name)).toEqual(
      expect.arrayContaining(['orders', 'network', 'cloud']),
    );
  });

  test('refuses another bundle, naming both digests and what to do', async () => {
    const changed = await editedBundle([{ file: EXPORTS, from: 'dba:1', to: 'dba:2' }]);
    const pinned = await bundleDigest(EXAMPLE);
    const failure = loadBundle(changed, { pinnedDigest: pinned });
    await expect(failure).rejects.toMatchObject({ code: 'bundle_digest_mismatch' });
    await expect(failure).rejects.toThrow(pinned);
    await expect(failure).rejects.toThrow(await bundleDigest(changed));
    await expect(failure).rejects.toThrow('pin the new digest');
  });

  test('does not make a broken bundle load: the refusal lists every problem', async () => {
    const folder = await editedBundle([
      { file: EXPORTS, from: '@review("none")', to: '@review("dbas:1")' },
      { file: 'bundle.yaml', from: 'number: 1', to: 'number: 2' },
    ]);
    const failure = loadBundle(folder, { pinnedDigest: await bundleDigest(folder) });
    await expect(failure).rejects.toMatchObject({ code: 'bundle_invalid' });
    await expect(failure).rejects.toThrow(/2 problems.*bundle\.yaml:\d+: .*database-export\.cedar:\d+: /s);
  });
});

describe('what lies in the folder', () => {
  test.each<[string, (folder: string) => Promise<unknown>, string]>([
    [
      'an extra file',
      (folder) => writeFile(join(folder, 'prod.cedar~'), ''),
      'prod.cedar~: does not belong in a bundle',
    ],
    ['a folder', (folder) => mkdir(join(folder, 'old.cedar')), 'old.cedar: is not a regular file'],
    [
      'a link',
      (folder) => symlink(join(EXAMPLE, EXPORTS), join(folder, 'link.cedar')),
      'link.cedar: is a symbolic link',
    ],
    [
      'a file over 1 MiB',
      (folder) => writeFile(join(folder, 'big.cedar'), '').then(() => truncate(join(folder, 'big.cedar'), 1_048_577)),
      'big.cedar: is larger than 1 MiB',
    ],
    [
      'bytes that are not UTF-8',
      (folder) => writeFile(join(folder, 'latin.cedar'), Buffer.from([0x2f, 0x2f, 0xe9])),
      'latin.cedar: is not UTF-8',
    ],
  ])('%s is refused', async (_, spoil, message) => {
    const folder = await editedBundle([]);
    await spoil(folder);
    expect(await problemsOf(folder)).toEqual([expect.stringContaining(message)]);
    await expect(bundleDigest(folder)).rejects.toMatchObject({ code: 'bundle_invalid' });
  });

  test('a missing file is named', async () => {
    const folder = await emptyFolder();
    await writeFile(join(folder, 'bundle.yaml'), await readFile(join(EXAMPLE, 'bundle.yaml')));
    expect(await problemsOf(folder)).toEqual([
      expect.stringContaining('schema.cedarschema: is missing'),
      expect.stringContaining('directory.yaml: is missing'),
      expect.stringContaining('targets.yaml: is missing'),
      expect.stringContaining('holds no *.cedar file'),
      expect.stringContaining('the bundle has no policy'),
    ]);
  });

  test('a folder that does not exist is said to be so', async () => {
    await expect(checkBundle(join(EXAMPLE, 'nowhere'))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });
});
