// Sees to a Chromium for the tests of pages: the machine's own, else Debian's package, which is installed.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StepError, run, step, tail } from './steps.mjs';

// A page without fonts shows nothing.
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/** Quick when there is one. Without apt-get or the rights to install, says what to do; the tests that need it then fail. */
export async function provideChromium() {
  if (process.env.COUNTERSIGN_TEST_CHROMIUM !== undefined) return;
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  if (folders.some((folder) => existsSync(join(folder, 'chromium')))) return;
  if (!existsSync('/usr/bin/apt-get')) {
    console.log(
      '  The tests of pages need Chromium; this machine has no apt-get: name one in COUNTERSIGN_TEST_CHROMIUM.',
    );
    return;
  }
  await step('installing Chromium (about 120 MB)', async () => {
    const { code } = await asRoot('install');
    // Without package lists, or with old ones.
    if (code === 0) return;
    await asRoot('update');
    const { code: again, output, error } = await asRoot('install');
    if (again === 0) return;
    throw new StepError(
      `apt-get install ${PACKAGES.join(' ')} failed (${error?.message ?? again}):\n${tail(output)}\n  Install it as root, or name a Chromium in COUNTERSIGN_TEST_CHROMIUM, then start again.`,
    );
  });
}

function asRoot(what) {
  const args = what === 'update' ? ['update', '-qq'] : ['install', '-y', '-qq', '--no-install-recommends', ...PACKAGES];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return process.getuid?.() === 0
    ? run('apt-get', args, { env })
    : run('sudo', ['-n', '--preserve-env=DEBIAN_FRONTEND', 'apt-get', ...args], { env });
}
