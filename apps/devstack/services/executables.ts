import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { DevstackEnvironment } from '../environment.js';

/** The `temporal` CLI: from the PATH, else the one that setup fetched. */
export function locateTemporal(environment: DevstackEnvironment): string {
  return onPath('temporal', environment) ?? fetched('temporal');
}

/** Temporal's time-skipping test server, for `TestWorkflowEnvironment.createTimeSkipping`. */
export function locateTemporalTestServer(environment: DevstackEnvironment): string {
  return onPath('temporal-test-server', environment) ?? fetched('temporal-test-server');
}

/** COUNTERSIGN_VAULT_BIN, else HashiCorp's `vault` from the PATH, else OpenBao's `bao` that setup fetched. */
export function locateVault(environment: DevstackEnvironment): string {
  return named('COUNTERSIGN_VAULT_BIN', environment.vaultBinary) ?? onPath('vault', environment) ?? fetched('bao');
}

/** COUNTERSIGN_TOFU_BIN, else `tofu` or `terraform` from the PATH, else the one that `setup --with=tofu` built. */
export function locateTofu(environment: DevstackEnvironment): string {
  const own = named('COUNTERSIGN_TOFU_BIN', environment.tofuBinary);
  return own ?? onPath('tofu', environment) ?? onPath('terraform', environment) ?? builtFromGo('tofu');
}

/** HashiCorp's Vault and no other: COUNTERSIGN_VAULT_BIN, else what `setup --with=vault` took from the PATH or built. */
export function locateHashicorpVault(environment: DevstackEnvironment): string {
  return named('COUNTERSIGN_VAULT_BIN', environment.vaultBinary) ?? builtFromGo('vault');
}

/** `git` from the PATH. */
export function locateGit(environment: DevstackEnvironment): string {
  const git = onPath('git', environment);
  if (git !== undefined) return git;
  throw new Error('git is not on the PATH. Install it with the packages of your system.');
}

/** The folder of Python packages with moto in it, that `setup --with=aws` fetched: PYTHONPATH of `python3 -m moto.server`. */
export function locateMoto(): string {
  const folder = join(repositoryRoot(), '.services', 'aws');
  if (existsSync(join(folder, 'moto'))) return folder;
  throw new Error(`moto is not at ${folder}. Run: node scripts/setup.mjs --with=aws`);
}

/** The folder of OpenSSH that `setup --with=ssh` fetched: `bin/ssh`, `bin/ssh-keygen`, `usr/sbin/sshd`. */
export function locateSsh(): string {
  const folder = join(repositoryRoot(), '.services', 'ssh');
  if (existsSync(join(folder, 'version'))) return folder;
  throw new Error(`OpenSSH is not at ${folder}. Run: node scripts/setup.mjs --with=ssh (it needs apt-get)`);
}

/** The folder of Python packages with securesystemslib in it, that `setup --with=verifiers` fetched. */
export function locateSecuresystemslib(): string {
  const folder = join(repositoryRoot(), '.services', 'verifiers');
  if (existsSync(join(folder, 'securesystemslib'))) return folder;
  throw new Error(`securesystemslib is not at ${folder}. Run: node scripts/setup.mjs --with=verifiers`);
}

/** The folder of Python packages with Slack's own SDK in it, whose models judge our messages in the tests. */
export function locateSlackSdk(): string {
  const folder = join(repositoryRoot(), '.services', 'verifiers');
  if (existsSync(join(folder, 'slack_sdk'))) return folder;
  throw new Error(`slack_sdk is not at ${folder}. Run: node scripts/setup.mjs --with=verifiers`);
}

/** The verifier over Go's `sumdb` that `setup --with=verifiers` built: scripts/go-programs/ledger-check/. */
export function locateLedgerCheck(): string {
  return builtFromGo('ledger-check');
}

/** The folder of Python packages with OCSF's schema in it, that `setup --with=siem` fetched. */
export function locateOcsf(): string {
  const folder = join(repositoryRoot(), '.services', 'ocsf');
  if (existsSync(join(folder, 'ocsf_json_schema'))) return folder;
  throw new Error(`OCSF's schema is not at ${folder}. Run: node scripts/setup.mjs --with=siem`);
}

/** The folder of rsyslog that `setup --with=siem` fetched: `usr/sbin/rsyslogd` and its modules. */
export function locateRsyslog(): string {
  const folder = join(repositoryRoot(), '.services', 'rsyslog');
  if (existsSync(join(folder, 'version'))) return folder;
  throw new Error(`rsyslog is not at ${folder}. Run: node scripts/setup.mjs --with=siem (it needs apt-get)`);
}

/** The OpenTelemetry Collector that `setup --with=siem` built. */
export function locateOtelcol(): string {
  return builtFromGo('otelcol', 'siem');
}

function named(variable: string, file: string | undefined): string | undefined {
  if (file === undefined || isExecutable(file)) return file;
  throw new Error(`${variable} names ${file}, which is not an executable file.`);
}

function builtFromGo(name: string, extra = name): string {
  const file = join(repositoryRoot(), '.services', 'go-programs', name);
  if (isExecutable(file)) return file;
  throw new Error(`${name} is neither on the PATH nor at ${file}. Run: node scripts/setup.mjs --with=${extra}`);
}

function onPath(name: string, environment: DevstackEnvironment): string | undefined {
  const folders = environment.searchPath.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function fetched(name: string): string {
  const file = join(repositoryRoot(), '.services', 'current', 'bin', name);
  if (isExecutable(file)) return file;
  throw new Error(`${name} is neither on the PATH nor at ${file}. Run: npm run setup`);
}

// This file runs from apps/devstack/services (tests) and from dist/apps/devstack/services.
function repositoryRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder)
      throw new Error(`No package.json above ${import.meta.dirname}: run Countersign from its checkout.`);
    folder = dirname(folder);
  }
  return folder;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
