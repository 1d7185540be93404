import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inject } from 'vitest';
import { installInfra, type InstalledInfra, type InfraSpec } from '../../apps/devstack/installation/infra-target.js';
import { namesOf } from '../../apps/devstack/installation/names.js';
import { asAdmin, urlFor } from '../../apps/devstack/installation/postgres-admin.js';
import { readDevstackEnvironment } from '../../apps/devstack/environment.js';
import { locateTofu } from '../../apps/devstack/services/executables.js';
import type { TestInstallation } from './installation.js';

const run = promisify(execFile);

/** The programs that `infra.apply` runs, as COUNTERSIGN_PROGRAMS would name them. */
export function infraPrograms(): { tofu: string; git: string } {
  return { tofu: locateTofu(readDevstackEnvironment()), git: programOnPath('git') };
}

function programOnPath(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, name)).find((file) => isExecutable(file));
  if (found === undefined) throw new Error(`${name} is not on the PATH`);
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A git repository of a test's own. */
export interface Repository {
  path: string;
  /** Replaces all files by these and commits them. @returns the commit */
  commit(files: Readonly<Record<string, string>>, prepare?: (folder: string) => Promise<void>): Promise<string>;
  git(...args: string[]): Promise<string>;
  remove(): Promise<void>;
}

export async function makeRepository(): Promise<Repository> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-repository-'));
  const git = async (...args: string[]): Promise<string> => {
    const settings = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];
    return (await run('git', [...settings, ...args], { cwd: path })).stdout.trim();
  };
  await git('init', '--quiet');
  return {
    path,
    async commit(files, prepare = async () => undefined) {
      await git('rm', '-r', '-q', '-f', '--ignore-unmatch', '.');
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), text);
      }
      await prepare(path);
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', 'change');
      return git('rev-parse', 'HEAD');
    },
    git,
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** A workspace in an installation, and its state as an administrator reads and writes it. */
export interface InfraFixture extends InstalledInfra {
  readState(): Promise<StateJson | null>;
  /** Puts a state in place, or none. */
  writeState(state: StateJson | null): Promise<void>;
  /** Applies a configuration beside Countersign, as an administrator would. */
  applyAsAdmin(files: Readonly<Record<string, string>>): Promise<void>;
  asAdmin: <T>(work: Parameters<typeof asAdmin<T>>[2]) => Promise<T>;
}

export interface StateJson {
  serial: number;
  lineage: string;
  resources: { type: string; name: string; instances: { attributes: Record<string, unknown> }[] }[];
}

export async function startInfra(installation: TestInstallation, spec: InfraSpec): Promise<InfraFixture> {
  const { adminUrl } = inject('services').postgres;
  const names = namesOf(installation.name);
  const installed = await installInfra({ admin: installation.vaultAdmin, adminUrl, names, maxTtlSeconds: 3_600 }, spec);
  const { database } = installed.target.state;
  const inDatabase = <T>(work: Parameters<typeof asAdmin<T>>[2]): Promise<T> => asAdmin(adminUrl, database, work);
  return {
    ...installed,
    asAdmin: inDatabase,
    readState: () =>
      inDatabase(async (client) => {
        const { rows } = await client.query<{ data: string }>(
          "select data from workspace.states where name = 'default'",
        );
        return rows[0] === undefined ? null : (JSON.parse(rows[0].data) as StateJson);
      }),
    async writeState(state) {
      await inDatabase(async (client) => {
        await client.query('delete from workspace.states');
        if (state === null) return;
        await client.query("insert into workspace.states (name, data) values ('default', $1)", [JSON.stringify(state)]);
      });
    },
    async applyAsAdmin(files) {
      const folder = await mkdtemp(join(tmpdir(), 'countersign-apply-'));
      const { username, password } = new URL(adminUrl);
      const connection = urlFor(adminUrl, database, username, password);
      const backend = 'terraform {\n  backend "pg" {\n    schema_name = "workspace"\n  }\n}\n';
      try {
        for (const [name, text] of Object.entries({ ...files, 'zz_override.tf': backend }))
          await writeFile(join(folder, name), text);
        const env = { HOME: folder, PATH: '', PG_CONN_STR: `${connection}?sslmode=disable`, TF_INPUT: '0' };
        await run(infraPrograms().tofu, ['init'], { cwd: folder, env });
        await run(infraPrograms().tofu, ['apply', '-auto-approve'], { cwd: folder, env });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}
