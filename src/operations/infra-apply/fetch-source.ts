import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Refusal, ServiceFault } from '../../core/errors.js';
import type { KeptContents } from '../../record/contents.js';
import { gitLoginFor, type InfraTarget } from '../../targets/infra.js';
import type { KeptLogin } from '../../vault/credentials/kept-secret.js';
import type { LeasedCredential } from '../../vault/leases.js';
import type { OperationHost } from '../operation.js';
import type { InfraLogin } from './login.js';
import { INFRA_LIMITS, isListed, type InfraApplyParams } from './params.js';
import { runProgram } from './run-program.js';
import { readTar, type TarFile } from './tar.js';

export interface FetchInput {
  /** The asking agent. */
  agent: string;
  target: InfraTarget;
  source: InfraApplyParams['source'];
  host: OperationHost;
  keepsakes: KeptContents;
  credential: Pick<LeasedCredential<InfraLogin>, 'material'>;
  /** Private and empty. */
  scratchDir: string;
  signal: AbortSignal;
}

/** What was fetched: digest of its files, and the commit before it where there is one. */
export interface Fetched {
  root: string;
  folder: string;
  digest: string;
  parentCommit: string | null;
}

const FETCH_TIMEOUT_MS = 60_000;

/**
 * Lays a configuration out in the scratch folder.
 * @throws Refusal `source_forbidden`, `content_missing`; ServiceFault `host` when a repository cannot be read.
 */
export async function fetchSource(input: FetchInput): Promise<Fetched> {
  const { source, scratchDir } = input;
  const git = source.kind === 'git' ? await fetchCommit(input, source) : undefined;
  const files = readTar(
    git?.archive ?? (source.kind === 'tarball' ? await fetchTarball(input, source) : new Uint8Array()),
  );
  const root = join(scratchDir, 'source');
  await mkdir(root, { mode: 0o700 });
  for (const { path, bytes } of files) {
    // A lock file is written by us, from what the target allows.
    if (path.endsWith('.terraform.lock.hcl')) continue;
    await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(root, path), bytes, { flag: 'wx', mode: 0o600 });
  }
  return { root, folder: source.folder ?? '.', digest: digestOfFiles(files), parentCommit: git?.parent ?? null };
}

/** Only what the target lists, or what the agent uploaded itself: of another's upload it could learn by its plan. */
async function fetchTarball({ agent, target, keepsakes }: FetchInput, source: { sha256: string }): Promise<Uint8Array> {
  if (!isListed(source, target) && !(await keepsakes.isUploadedBy(source.sha256, agent))) {
    const message = `${agent} uploaded no tarball with this digest: upload it first.`;
    throw new Refusal('source_forbidden', message, 'params.source.sha256');
  }
  return keepsakes.get(source.sha256);
}

function digestOfFiles(files: readonly TarFile[]): string {
  const digest = createHash('sha256');
  for (const { path, bytes } of [...files].sort((one, other) => (one.path < other.path ? -1 : 1))) {
    digest.update(`${String(path.length)} ${path} ${String(bytes.length)}\n`).update(bytes);
  }
  return digest.digest('hex');
}

async function fetchCommit(
  { host, scratchDir, signal, target, credential: { material } }: FetchInput,
  { repository, commit }: { repository: string; commit: string },
): Promise<{ archive: Uint8Array; parent: string | null }> {
  const program = host.program('git');
  const home = join(scratchDir, 'git');
  const archive = join(scratchDir, 'source.tar');
  await mkdir(home, { mode: 0o700 });
  const login = material.git === undefined ? undefined : gitLoginFor(target, repository);
  // Given as a file: git does not pass settings of the environment on to what it starts in the other repository.
  await writeFile(join(home, 'settings'), `[safe]\n  directory = *\n${loginSettings(login)}`, { mode: 0o600 });
  const run = (secrets: Record<string, string>, args: readonly string[]) =>
    runProgram({
      program,
      args: ['-c', 'core.hooksPath=/dev/null', '-c', 'protocol.allow=never', ...PROTOCOLS, ...args],
      cwd: home,
      environment: {
        ...GIT_ENVIRONMENT,
        ...secrets,
        GIT_CONFIG_GLOBAL: join(home, 'settings'),
        HOME: home,
        PATH: dirname(program),
      },
      scratchDir: home,
      timeoutMs: FETCH_TIMEOUT_MS,
      graceMs: 0,
      signal,
    });
  const git = (...args: string[]) => run({}, args);
  const fetched = [
    await git('init', '--quiet', '--bare', 'fetched.git'),
    await run(login === undefined ? {} : loginEnvironment(material.git), [
      '--git-dir=fetched.git',
      'fetch',
      '--quiet',
      '--no-tags',
      '--depth=2',
      '--end-of-options',
      repository,
      commit,
    ]),
  ].every(({ code }) => code === 0);
  // Whether the commit is missing or the repository is away, git does not say in a form to rely on.
  if (!fetched) throw new ServiceFault('host', `Commit ${commit} could not be fetched from ${repository}.`, false);
  // What git names is what was asked for, or nothing: a commit id is the digest of all that is in it.
  const { code } = await git(
    '--git-dir=fetched.git',
    'archive',
    '--format=tar',
    `--output=${archive}`,
    `${commit}^{commit}`,
  );
  if (code !== 0)
    throw new Refusal('source_forbidden', `${commit} is no commit of ${repository}.`, 'params.source.commit');
  const parent = await git('--git-dir=fetched.git', 'rev-parse', '--verify', '--quiet', `${commit}^1`);
  const bytes = await readFile(archive);
  if (bytes.length > 2 * INFRA_LIMITS.sourceBytes)
    throw new Refusal('source_forbidden', 'The commit is too large.', 'params.source.commit');
  return { archive: bytes, parent: parent.code === 0 ? parent.output.trim().slice(0, 40) : null };
}

/** The login is asked for by git itself, for this host alone, and is in the environment of the one command that fetches. */
function loginSettings(login: ReturnType<typeof gitLoginFor>): string {
  if (login === undefined) return '';
  const helper = String.raw`!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' \"$LOGIN_NAME\" \"$LOGIN_PASSWORD\"; }; f`;
  const authority = login.authorityFile === undefined ? '' : `  sslCAInfo = ${JSON.stringify(login.authorityFile)}\n`;
  // Another address could ask for it in the host's name.
  return `[credential "https://${login.host}"]\n  helper = "${helper}"\n[http]\n  followRedirects = false\n${authority}`;
}

function loginEnvironment(login: KeptLogin | undefined): Record<string, string> {
  return login === undefined ? {} : { LOGIN_NAME: login.username, LOGIN_PASSWORD: login.password.reveal() };
}

const PROTOCOLS = ['file', 'https'].flatMap((name) => ['-c', `protocol.${name}.allow=always`]);

// No settings of the machine's, no questions, no other person's repository refused for its owner.
const GIT_ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ATTR_NOSYSTEM: '1',
  LC_ALL: 'C',
};
