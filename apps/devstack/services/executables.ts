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
  const named = environment.vaultBinary;
  if (named !== undefined && !isExecutable(named))
    throw new Error(`COUNTERSIGN_VAULT_BIN names ${named}, which is not an executable file.`);
  return named ?? onPath('vault', environment) ?? fetched('bao');
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
