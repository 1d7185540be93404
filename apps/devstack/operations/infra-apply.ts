import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readDevstackEnvironment } from '../environment.js';
import { infraWorkspace } from '../installation/further-target.js';
import { locateGit, locateTofu } from '../services/executables.js';
import { createTemporaryFolder } from '../services/temporary-folder.js';
import { isThere, setupWith, type LiveOperation, type Provided, type Provision } from './live-operation.js';

const run = promisify(execFile);

// terraform_data needs no provider: nothing is downloaded, and nothing is made but a state.
const CONFIGURATION = `resource "terraform_data" "network" {
  input = {
    name  = "orders"
    range = "10.20.0.0/16"
  }
}

resource "terraform_data" "subnet" {
  for_each = toset(["10.20.1.0/24", "10.20.2.0/24"])
  input = {
    network = terraform_data.network.id
    range   = each.key
  }
}
`;

/** `infra.apply`: a workspace whose configuration is a git repository of the stack's own. */
export const infraApply: LiveOperation = {
  operation: 'infra.apply',
  agent: 'platform-bot',
  approver: 'gus',
  missing() {
    const environment = readDevstackEnvironment();
    if (!isThere(() => locateGit(environment))) return Promise.resolve({ what: 'git', command: 'apt-get install git' });
    const hasTofu = isThere(() => locateTofu(environment));
    return Promise.resolve(hasTofu ? null : { what: 'OpenTofu', command: setupWith('tofu') });
  },
  provide,
};

async function provide({ defer }: Provision): Promise<Provided> {
  const environment = readDevstackEnvironment();
  const programs = { tofu: locateTofu(environment), git: locateGit(environment) };
  const folder = createTemporaryFolder('repository');
  defer(() => rm(folder, { recursive: true, force: true }));
  const repository = join(folder, 'network.git');
  const commit = await makeRepository(programs.git, repository, environment.searchPath);
  return {
    programs,
    target: infraWorkspace({
      name: 'network',
      environment: 'production',
      sources: { git: [repository], tarballs: [] },
    }),
    example: () => ({
      params: { target: 'network', source: { kind: 'git', repository, commit } },
      reason: 'Two subnets for the orders service',
    }),
  };
}

/** @returns the commit */
async function makeRepository(program: string, path: string, searchPath: string): Promise<string> {
  await mkdir(path);
  // Whatever the person's own settings say, hooks and signing included.
  const env = { PATH: searchPath, HOME: path, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  const who = ['-c', 'user.name=Countersign', '-c', 'user.email=dev@example.com'];
  const git = async (...args: string[]): Promise<string> =>
    (await run(program, [...who, ...args], { cwd: path, env })).stdout.trim();
  await git('init', '--quiet');
  await writeFile(join(path, 'main.tf'), CONFIGURATION);
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'network and subnets');
  return git('rev-parse', 'HEAD');
}
