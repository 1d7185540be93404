// Fetches Microsoft 365 Agents Playground, the Teams client of test/e2e/teams-playground.test.ts, into .services/playground. It
// is under Microsoft's pre-release licence terms, not ours: it is on no list of dependencies and in no image.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepError, run, step, tail } from './steps.mjs';

const PACKAGE = '@microsoft/m365agentsplayground';
const VERSION = '0.2.28';
const FILE = `microsoft-m365agentsplayground-${VERSION}.tgz`;
const INTEGRITY = 'sha512-EevhYW8xtEATwNg5eiFqTgZT0P5gjfCsLBwBWESSrB6+0lr9Yi9R27HJwjNGUlT3JQlxoWMgnvEQunUuyI/+2Q==';

/** Makes `<services>/playground` with `node_modules/@microsoft/m365agentsplayground`; quick when it is there. */
export async function installPlayground(services) {
  const folder = join(services, 'playground');
  if ((await readFile(join(folder, 'version'), 'utf8').catch(() => '')) === INTEGRITY) return;
  await step("fetching Microsoft 365 Agents Playground (about 4 MB; its licence terms are Microsoft's)", async () => {
    const fresh = join(services, `new-playground-${process.pid}`);
    try {
      await mkdir(fresh, { recursive: true });
      await npm(['pack', `${PACKAGE}@${VERSION}`, '--pack-destination', fresh], fresh);
      await verify(join(fresh, FILE));
      // It brings all that it needs in one file, so nothing else is fetched.
      await npm(
        ['install', '--offline', '--no-save', '--no-package-lock', '--prefix', fresh, join(fresh, FILE)],
        fresh,
      );
      await rm(join(fresh, FILE));
      await writeFile(join(fresh, 'version'), INTEGRITY);
      await rm(folder, { recursive: true, force: true });
      await rename(fresh, folder);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });
}

async function npm(args, cwd) {
  const { code, output, error } = await run('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund'], { cwd });
  if (code !== 0)
    throw new StepError(`npm ${args[0]} of ${PACKAGE} failed (${error?.message ?? code}):\n${tail(output)}`);
}

async function verify(file) {
  const found = `sha512-${createHash('sha512')
    .update(await readFile(file))
    .digest('base64')}`;
  if (found === INTEGRITY) return;
  throw new StepError(
    `The npm registry serves another ${PACKAGE} ${VERSION} than the one that was reviewed (${found}). Do not go on: compare with the published integrity.`,
  );
}
