import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

/** A real Chromium without a window: what `COUNTERSIGN_TEST_CHROMIUM` names, else the one on the PATH. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env['COUNTERSIGN_TEST_CHROMIUM'] ?? (await findOnPath('chromium'));
  // Without its sandbox: that one does not start as root, nor in most containers.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

async function findOnPath(name: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new Error('There is no Chromium on this machine. Run: node scripts/setup.mjs --with=chromium');
}
