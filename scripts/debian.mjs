// Unpacks Debian packages into a folder. Nothing is installed on the machine: no service starts, no rights are needed.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StepError, run, tail } from './steps.mjs';

/** Whether this machine can fetch Debian packages. */
export function hasApt() {
  return existsSync('/usr/bin/apt-get');
}

/** Fetches `packages` and unpacks them into `folder`, which must exist. */
export async function unpackDebian(packages, folder) {
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
