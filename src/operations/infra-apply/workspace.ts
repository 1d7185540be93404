import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { Refusal, ServiceFault } from '../../core/errors.js';
import type { KeptContents } from '../../record/contents.js';
import { providerKey, type InfraTarget } from '../../targets/infra.js';
import type { LeasedCredential } from '../../vault/leases.js';
import type { OperationHost } from '../operation.js';
import { complaintOf } from './complaints.js';
import { fetchSource, type Fetched } from './fetch-source.js';
import { providerEnvironment, withoutSecrets, type InfraLogin } from './login.js';
import type { InfraApplyParams } from './params.js';
import { runProgram, type Ended } from './run-program.js';
import { guardSource, type SourceFindings } from './source-guard.js';
import { isInside } from './source-tree.js';

export interface WorkspaceInput {
  actionId: string;
  agent: string;
  params: InfraApplyParams;
  target: InfraTarget;
  credential: LeasedCredential<InfraLogin>;
  host: OperationHost;
  keepsakes: KeptContents;
  signal: AbortSignal;
}

/** A configuration laid out, judged, and initialised: ready to plan. */
export interface Workspace {
  source: Fetched;
  findings: SourceFindings;
  /** Files of requests' own, outside of the configuration. */
  file(name: string): string;
  /** Runs OpenTofu in the root module. @param graceMs how long it may take to stop by itself, default 0 */
  tofu(args: readonly string[], graceMs?: number): Promise<Ended>;
}

/** Kept back at the end of a lease, so that what is under way can end under it. */
const LEASE_RESERVE_MS = 5_000;

/** Makes a workspace, and removes it with all that is in it. Throws Refusal and ServiceFault. */
export async function withWorkspace<T>(input: WorkspaceInput, work: (workspace: Workspace) => Promise<T>): Promise<T> {
  const scratchDir = await mkdtemp(join(input.host.scratchDir, 'infra-'));
  try {
    const { params, target } = input;
    const source = await fetchSource({ ...input, source: params.source, scratchDir });
    const findings = await guardSource(source, target);
    checkDeclared(params, findings);
    const workspace: Workspace = {
      source,
      findings,
      file: (name) => join(scratchDir, name),
      tofu: await prepareTofu(input, source, scratchDir),
    };
    await initialise(workspace, input);
    return await work(workspace);
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

/** OpenTofu, or Terraform where that is what the machine has. */
function programOf(host: OperationHost): string {
  try {
    return host.program('tofu');
  } catch (error) {
    if (!(error instanceof ServiceFault)) throw error;
    return host.program('terraform');
  }
}

/** OpenTofu only warns of values for variables that do not exist. */
function checkDeclared({ variables = {} }: InfraApplyParams, findings: SourceFindings): void {
  for (const name of Object.keys(variables)) {
    if (findings.variables.includes(name)) continue;
    throw new Refusal('params_invalid', `The configuration declares no variable ${name}.`, `params.variables.${name}`);
  }
}

async function prepareTofu(input: WorkspaceInput, source: Fetched, scratchDir: string): Promise<Workspace['tofu']> {
  const { target, params, host, credential, signal } = input;
  const folder = (name: string) => join(scratchDir, name);
  for (const name of ['home', 'tmp', 'mirror', 'data', 'run']) await mkdir(folder(name), { mode: 0o700 });
  const program = programOf(host);
  const root = join(source.root, source.folder);
  const write = (path: string, text: string) => writeFile(path, text, { mode: 0o600 });
  await write(folder('cli.tfrc'), cliSettings(target.providerMirror ?? folder('mirror')));
  await write(folder('request.tfvars.json'), JSON.stringify(params.variables ?? {}));
  await write(join(root, 'countersign_override.tf'), backendOverride(target));
  await write(join(root, '.terraform.lock.hcl'), lockFile(target, program.endsWith('terraform')));
  // git's own scripts need the usual programs; only fetching listed modules has them, and a plan finds none.
  const fetchPath = target.modules.length === 0 ? '' : `${dirname(host.program('git'))}:/usr/bin:/bin`;
  const forFetching = {
    HOME: folder('home'),
    TMPDIR: folder('tmp'),
    LC_ALL: 'C',
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    TF_DATA_DIR: folder('data'),
    TF_CLI_CONFIG_FILE: folder('cli.tfrc'),
    CHECKPOINT_DISABLE: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
  // The configuration of the backend names no credential: so none is in the plan file or on a command line.
  const environment = { ...forFetching, PG_CONN_STR: connectionString(input, credential) };
  // Only these two start providers with what they log in with; fetching modules never has it.
  const forProviders = { ...environment, ...providerEnvironment(target, { ...input, ...credential }) };
  const environmentOf = (command: string): Record<string, string> => {
    if (command === 'plan' || command === 'apply') return forProviders;
    // git, which it starts, would inherit the state's login.
    return command === 'get' ? forFetching : environment;
  };
  return async (args, graceMs = 0) => {
    const ended = await runProgram({
      program,
      args,
      cwd: root,
      environment: {
        ...environmentOf(args[0] ?? ''),
        PATH: args[0] === 'get' ? fetchPath : '',
      },
      scratchDir: folder('run'),
      timeoutMs: Math.max(1_000, credential.expiresAtMs - Date.now() - LEASE_RESERVE_MS - graceMs),
      graceMs,
      signal,
    });
    const [output, errors] = [ended.output, ended.errors].map((printed) => withoutSecrets(printed, credential));
    return { ...ended, output: output ?? '', errors: errors ?? '' };
  };
}

function connectionString(
  { target, actionId }: WorkspaceInput,
  { username, material }: LeasedCredential<InfraLogin>,
): string {
  const { host, port, database, tls } = target.state;
  const url = new URL(
    `postgres://${host.includes(':') ? `[${host}]` : host}:${String(port)}/${encodeURIComponent(database)}`,
  );
  url.username = encodeURIComponent(username);
  url.password = encodeURIComponent(material.password.reveal());
  url.searchParams.set('sslmode', tls);
  url.searchParams.set('connect_timeout', '10');
  url.searchParams.set('application_name', `countersign ${actionId}`.replaceAll(' ', '-'));
  return url.href;
}

// Without `direct`, what is not in the folder is not installed.
function cliSettings(mirror: string): string {
  return `disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`;
}

/** An administrator made schema and table: neither of the leased users could. */
function backendOverride({ state }: InfraTarget): string {
  const settings = ['schema', 'table', 'index'].map((what) => `    skip_${what}_creation = true\n`).join('');
  return `terraform {\n  backend "pg" {\n    schema_name = ${JSON.stringify(state.schema)}\n${settings}  }\n}\n`;
}

/** All that may run, with hashes: OpenTofu verifies what it installs by them. */
function lockFile({ providers }: InfraTarget, isTerraform: boolean): string {
  const host = isTerraform ? 'registry.terraform.io' : 'registry.opentofu.org';
  const blocks = providers.map(({ source, version, hashes }) => {
    const key = providerKey(source);
    const address = key.split('/').length === 2 ? `${host}/${key}` : key;
    return `provider "${address}" {\n  version = "${version}"\n  hashes = [${hashes.map((hash) => `"${hash}"`).join(', ')}]\n}\n`;
  });
  return blocks.join('\n');
}

const manifestSchema = z.object({ Modules: z.array(z.object({ Key: z.string(), Dir: z.string() })).nullable() });

async function initialise(workspace: Workspace, { target }: WorkspaceInput): Promise<void> {
  // By itself, and without the state's login: it runs git. What is fetched then is not fetched again.
  const fetching = target.modules.length === 0 ? [] : [['get', '-no-color']];
  const initialising = ['init', '-input=false', '-no-color', ...(fetching.length === 0 ? [] : ['-get=false'])];
  for (const args of [...fetching, initialising]) {
    const { code, errors, output } = await workspace.tofu(args);
    if (code !== 0) throw complaintOf('init', `${errors}\n${output}`);
  }
  // Nothing that was fetched has run yet: a plan is what runs it.
  await checkProviders(join(workspace.source.root, workspace.source.folder), target);
  const manifest = await readFile(workspace.file('data/modules/modules.json'), 'utf8').catch(() => '{"Modules":[]}');
  const fetched = workspace.file('data/modules');
  for (const { Dir: dir } of manifestSchema.parse(JSON.parse(manifest)).Modules ?? []) {
    // Written relative to where OpenTofu runs, or whole.
    const place = resolve(workspace.source.root, workspace.source.folder, dir);
    if (isInside(relative(workspace.source.root, place))) continue; // the configuration's own, judged before
    const path = relative(fetched, place);
    if (!isInside(path))
      throw new Refusal('source_forbidden', 'A module lies outside of the configuration.', 'params.source');
    const [name = '', ...folder] = path.split('/');
    await refuseLinks(join(fetched, name));
    const found = await guardSource({ root: join(fetched, name), folder: folder.join('/') || '.' }, target);
    workspace.findings.unpinnedModules.push(...found.unpinnedModules);
    workspace.findings.unpinnedProviders.push(...found.unpinnedProviders);
  }
}

async function checkProviders(root: string, target: InfraTarget): Promise<void> {
  const lock = await readFile(join(root, '.terraform.lock.hcl'), 'utf8').catch(() => '');
  for (const [, address = '', block = ''] of lock.matchAll(/^provider "([^"]+)" \{\n([^]*?)^\}/gm)) {
    const listed = target.providers.find(({ source }) => providerKey(source) === providerKey(address));
    if (
      listed !== undefined &&
      new RegExp(`^ *version *= "${listed.version.replaceAll('.', '\\.')}"$`, 'm').test(block)
    )
      continue;
    throw new Refusal(
      'source_forbidden',
      `${target.name} does not list the provider ${address} in the version that is asked for.`,
      'params.source',
    );
  }
}

async function refuseLinks(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() || entry.isDirectory()) continue;
    throw new Refusal(
      'source_forbidden',
      `The module holds ${entry.name}, which is a link or a device.`,
      'params.source',
    );
  }
}
