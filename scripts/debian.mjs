// Unpacks Debian packages into a folder. Nothing is installed on the machine: no service starts, no rights are needed.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepError, run, step, tail } from './steps.mjs';

/**
 * Makes `<services>/<name>` of Debian packages; quick when it is there. A machine without apt-get is told that it has none.
 * @param {string} services
 * @param {{ name: string, title: string, size: string, usedBy: string, packages: string[], recipe?: string[],
 *   finish?: (folder: string) => Promise<void> }} what `recipe`: what else decides the content; `finish` adds to it
 */
export async function installDebian(services, { name, title, size, usedBy, packages, recipe = [], finish }) {
  const version = createHash('sha256')
    .update([process.arch, ...recipe, ...packages].join(' '))
    .digest('hex')
    .slice(0, 16);
  const folder = join(services, name);
  if ((await readFile(join(folder, 'version'), 'utf8').catch(() => '')) === version) return;
  if (!existsSync('/usr/bin/apt-get')) {
    console.log(`  ${title} for the tests of ${usedBy} comes from Debian packages; this machine has no apt-get.`);
    return;
  }
  await step(`fetching ${title} (about ${size})`, async () => {
    const fresh = join(services, `${name}-new-${process.pid}`);
    try {
      await mkdir(fresh, { recursive: true });
      await unpackDebian(packages, fresh);
      await finish?.(fresh);
      await writeFile(join(fresh, 'version'), version);
      await rm(folder, { recursive: true, force: true });
      await rename(fresh, folder);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });
}

async function unpackDebian(packages, folder) {
  const fetched = join(folder, 'packages');
  await mkdir(fetched, { recursive: true });
  await download(packages, fetched);
  for (const name of await readdir(fetched))
    if (name.endsWith('.deb')) await must('dpkg-deb', ['-x', join('packages', name), '.'], folder);
  await rm(fetched, { recursive: true });
}

async function download(packages, folder) {
  const { code } = await run('apt-get', ['download', ...packages], { cwd: folder });
  if (code === 0) return;
  // Without package lists, or with old ones: lists of our own, which need no rights.
  const own = ['lists', 'cache'].map((name) => join(folder, name));
  for (const path of own) await mkdir(join(path, 'partial'), { recursive: true });
  const options = [`Dir::State::Lists=${own[0]}`, `Dir::Cache=${own[1]}`, 'APT::Sandbox::User=root'];
  const flags = options.flatMap((option) => ['-o', option]);
  await must('apt-get', [...flags, 'update', '-qq'], folder);
  await must('apt-get', [...flags, 'download', ...packages], folder);
}

async function must(command, args, cwd) {
  const { code, output, error } = await run(command, args, { cwd });
  if (code === 0) return;
  throw new StepError(
    `${command} ${args.join(' ')} failed (${error?.message ?? code}):\n${tail(output)}\n  Check the network and /etc/apt/sources.list, then start again.`,
  );
}
