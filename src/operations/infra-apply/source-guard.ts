import { readdir, readFile } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { Refusal } from '../../core/errors.js';
import type { InfraTarget } from '../../targets/infra.js';
import { checkExpressions } from './expression-guard.js';
import { UnreadableHcl } from './hcl-lexer.js';
import { literalOf, readHcl, type Block, type Body } from './hcl.js';
import { allowedProviders, checkProviderLogin, providersNamed, type ProviderNames } from './provider-guard.js';
import { isInside, type SourceTree } from './source-tree.js';

/** What a configuration says that people should know, beyond its plan. */
export interface SourceFindings {
  /** Sources of modules that are not bound to one commit. */
  unpinnedModules: string[];
  /** Providers without a version constraint of the configuration's own. */
  unpinnedProviders: string[];
  /** Variables that the root module declares. */
  variables: string[];
}

const TOP_LEVEL = new Set([
  'terraform',
  'variable',
  'locals',
  'output',
  'resource',
  'data',
  'ephemeral',
  'module',
  'provider',
  'moved',
  'import',
  'removed',
  'check',
]);
const USES_PROVIDER = new Set(['resource', 'data', 'ephemeral', 'provider']);
const SOURCE_FILE = /\.(tf|tofu)$/;

/**
 * Refuses what would run code or read elsewhere while it is planned or applied: provisioners, `external`, state of
 * others, commands in provider settings, files outside, providers and modules that the target does not list.
 * @throws Refusal `source_forbidden` with file and line.
 */
export async function guardSource(tree: SourceTree, target: InfraTarget): Promise<SourceFindings> {
  const findings: SourceFindings = { unpinnedModules: [], unpinnedProviders: [], variables: [] };
  const seen = new Set<string>();
  const waiting = [tree.folder];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    const bodies = await readModule(tree, folder);
    const names = providersNamed(bodies, target);
    for (const { file, body } of bodies) {
      const module: ModuleFile = { tree, folder, file, names, target };
      for (const block of body.blocks) {
        checkBlock(module, block, null);
        if (block.type === 'module') waiting.push(...followModule(module, block, findings));
        if (block.type === 'variable' && folder === tree.folder) findings.variables.push(...block.labels.slice(0, 1));
      }
      const [stray] = body.attributes;
      if (stray !== undefined) throw refuse(module, stray.line, `"${stray.name}" stands outside of any block`);
      await checkExpressions(body, { tree, folder, refuse: (line, what) => refuse(module, line, what) });
    }
    findings.unpinnedProviders.push(...names.unpinned);
  }
  findings.unpinnedProviders = [...new Set(findings.unpinnedProviders)].sort();
  return findings;
}

/** A file of a module, for what is said about it. */
export interface ModuleFile {
  tree: SourceTree;
  folder: string;
  file: string;
  names: ProviderNames;
  target: InfraTarget;
}

async function readModule(tree: SourceTree, folder: string): Promise<{ file: string; body: Body }[]> {
  const path = join(tree.root, folder);
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) throw refuseFile(folder, 'there is no such folder in the configuration');
  const read: { file: string; body: Body }[] = [];
  for (const { name } of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const file = join(folder, name);
    if (/\.(tf|tofu)\.json$/.test(name))
      throw refuseFile(file, 'configuration in JSON is not read here: write it in the native syntax');
    if (/(^|_)override\.(tf|tofu)$/.test(name))
      throw refuseFile(file, 'override files change what other files say: merge them');
    if (/\.tfstate(\.|$)/.test(name)) throw refuseFile(file, 'a state file has no place in a configuration');
    if (!SOURCE_FILE.test(name)) continue;
    try {
      read.push({
        file,
        body: readHcl(new TextDecoder('utf-8', { fatal: true }).decode(await readFile(join(path, name)))),
      });
    } catch (error) {
      if (error instanceof UnreadableHcl) throw refuseFile(file, error.message);
      throw error instanceof TypeError ? refuseFile(file, 'is no UTF-8 text') : error;
    }
  }
  if (read.length === 0) throw refuseFile(folder, 'there are no .tf files');
  return read;
}

/** @param parent type of the block around it; null at the top */
function checkBlock(module: ModuleFile, block: Block, parent: string | null): void {
  const { type, labels, line, body } = block;
  if (parent === null && !TOP_LEVEL.has(type)) throw refuse(module, line, `a block "${type}" is not known here`);
  const [label = ''] = type === 'dynamic' ? labels : [type];
  if (label === 'provisioner' || label === 'connection')
    throw refuse(module, line, 'provisioners run commands: they are not accepted');
  if (parent === null || parent === 'check') {
    if (type === 'terraform') checkSettings(module, block);
    if (type === 'data') checkData(module, block);
    if (USES_PROVIDER.has(type)) allowedProviders(module, block, (what) => refuse(module, line, what));
    if (type === 'provider') checkProviderLogin(module, block, (what) => refuse(module, line, what));
    // e.g. of kubernetes and helm: a program that gives a token.
    if (type === 'provider' && hasBlock(body, 'exec'))
      throw refuse(module, line, 'a provider that runs a command (`exec`) is not accepted');
  }
  for (const inner of body.blocks) checkBlock(module, inner, type);
}

function hasBlock(body: Body, type: string): boolean {
  return (
    body.attributes.some(({ name }) => name === type) ||
    body.blocks.some((block) => block.type === type || block.labels.includes(type) || hasBlock(block.body, type))
  );
}

function checkSettings(module: ModuleFile, { body }: Block): void {
  for (const { name, line } of body.attributes) {
    if (name !== 'required_version') throw refuse(module, line, `the setting "${name}" is not accepted`);
  }
  for (const { type, labels, line } of body.blocks) {
    // Ours takes the place of a `pg` backend; any other would be ignored without a word.
    if (type === 'required_providers' || (type === 'backend' && labels[0] === 'pg')) continue;
    throw refuse(
      module,
      line,
      `"${[type, ...labels].join(' ')}" is not accepted: the state is where the target keeps it`,
    );
  }
}

function checkData(module: ModuleFile, { labels: [type = ''], line }: Block): void {
  if (type === 'terraform_remote_state')
    throw refuse(module, line, 'the state of another configuration is not read from here');
  if (type === 'external') throw refuse(module, line, 'data "external" runs a program');
  // The environment of the provider itself is a file: what is leased for it would stand in the plan.
  if (/^local_(sensitive_)?file$/.test(type))
    throw refuse(
      module,
      line,
      `data "${type}" reads any file of the machine: use file(), which stays in the configuration`,
    );
  if (type === 'http' && !module.target.allowHttpData)
    throw refuse(module, line, `${module.target.name} does not allow data "http"`);
}

/** @returns the module's folder when it is one of this configuration's own. */
function followModule(module: ModuleFile, { body, labels, line }: Block, findings: SourceFindings): string[] {
  const { folder, target } = module;
  const expression = body.attributes.find(({ name }) => name === 'source')?.expression;
  const source = expression === undefined ? undefined : literalOf(expression);
  if (source === undefined) throw refuse(module, line, `module "${labels[0] ?? ''}" must name its source literally`);
  if (/^\.\.?(\/|$)/.test(source)) {
    const inner = normalize(join(folder, source)).replace(/\/$/, '');
    if (!isInside(inner) || /\\|\/\//.test(source))
      throw refuse(module, line, `module source "${source}" leaves the configuration`);
    return [inner === '' ? '.' : inner];
  }
  if (!target.modules.includes(source))
    throw refuse(module, line, `${target.name} does not list the module source ${JSON.stringify(source)}`);
  if (!/[?&]ref=[0-9a-f]{40}(&|$)/.test(source)) findings.unpinnedModules.push(source);
  return [];
}

function refuse({ file }: Pick<ModuleFile, 'file'>, line: number, what: string): Refusal {
  return refuseFile(`${file}:${String(line)}`, what);
}

function refuseFile(place: string, what: string): Refusal {
  return new Refusal('source_forbidden', `${place}: ${what}.`.slice(0, 900), 'params.source');
}
