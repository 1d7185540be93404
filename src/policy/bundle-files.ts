import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Refusal } from '../core/errors.js';
import { digestOf, sha256Hex } from '../core/json.js';
import { formatProblem, type Problem, type SourceFile } from '../directory/yaml-source.js';

/** Files that every bundle has. */
const FIXED_FILES = ['bundle.yaml', 'schema.cedarschema', 'directory.yaml', 'targets.yaml'] as const;
const CEDAR_FILE = /^[a-z0-9][a-z0-9._-]{0,62}\.cedar$/;
const FILE_BYTES_MAX = 1_048_576;
const FILES_MAX = 100;

/** A bundle's files, each read once. */
export interface BundleFiles {
  /** SHA-256 over the canonical JSON of `[{path, sha256}]`, sorted by path. */
  digest: string;
  /** By file name; texts are what was hashed. */
  files: Map<string, SourceFile>;
  problems: Problem[];
}

/** Reads a bundle's folder. What does not belong there is a problem, not skipped: the digest must cover all of it. */
export async function readBundleFiles(dir: string): Promise<BundleFiles> {
  const names = (await listFolder(dir)).sort();
  const problems: Problem[] = [];
  const files = new Map<string, SourceFile>();
  const hashes: { path: string; sha256: string }[] = [];
  if (names.length > FILES_MAX)
    problems.push({
      at: dir,
      message: `holds ${String(names.length)} files; a bundle has at most ${String(FILES_MAX)}`,
    });
  for (const name of names.slice(0, FILES_MAX)) {
    const path = join(dir, name);
    if (!(FIXED_FILES as readonly string[]).includes(name) && !CEDAR_FILE.test(name)) {
      problems.push({
        at: path,
        message: `does not belong in a bundle: it holds ${FIXED_FILES.join(', ')} and *.cedar only; move it elsewhere`,
      });
      continue;
    }
    const read = await readRegularFile(path);
    if (typeof read === 'string') {
      problems.push({ at: path, message: read });
      continue;
    }
    hashes.push({ path: name, sha256: sha256Hex(read) });
    try {
      files.set(name, { path, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(read) });
    } catch {
      problems.push({ at: path, message: 'is not UTF-8: save it as UTF-8' });
    }
  }
  for (const name of FIXED_FILES) {
    if (!names.includes(name)) problems.push({ at: join(dir, name), message: 'is missing: every bundle has one' });
  }
  if (!names.some((name) => CEDAR_FILE.test(name)))
    problems.push({ at: dir, message: 'holds no *.cedar file: without policies nothing is allowed' });
  return { digest: digestOf(hashes), files, problems };
}

/** A bundle out of texts by file name, judged as `readBundleFiles` judges a folder. */
export function bundleFilesOf(texts: Readonly<Record<string, string>>): BundleFiles {
  const names = Object.keys(texts).sort();
  const problems: Problem[] = [];
  const files = new Map<string, SourceFile>();
  if (names.length > FILES_MAX)
    problems.push({ at: 'the bundle', message: `holds more than ${String(FILES_MAX)} files` });
  for (const name of names) {
    const text = texts[name] ?? '';
    if (!(FIXED_FILES as readonly string[]).includes(name) && !CEDAR_FILE.test(name))
      problems.push({ at: name.slice(0, 100), message: 'does not belong in a bundle' });
    if (Buffer.byteLength(text) > FILE_BYTES_MAX) problems.push({ at: name, message: 'is larger than 1 MiB' });
    files.set(name, { path: name, text });
  }
  for (const name of FIXED_FILES)
    if (!files.has(name)) problems.push({ at: name, message: 'is missing: every bundle has one' });
  if (!names.some((name) => CEDAR_FILE.test(name)))
    problems.push({ at: 'the bundle', message: 'holds no *.cedar file: without policies nothing is allowed' });
  return {
    digest: digestOf([...files].map(([path, { text }]) => ({ path, sha256: sha256Hex(text) }))),
    files,
    problems,
  };
}

/**
 * The digest by which configuration pins a bundle.
 * @throws Refusal `bundle_invalid` when the folder holds what a bundle may not.
 */
export async function bundleDigest(dir: string): Promise<string> {
  const { digest, problems } = await readBundleFiles(dir);
  if (problems.length > 0) throw bundleInvalid(dir, problems);
  return digest;
}

/** The refusal that lists every problem, one a line. */
export function bundleInvalid(dir: string, problems: readonly Problem[]): Refusal {
  const lines = problems.map(formatProblem).join('\n');
  const count = problems.length === 1 ? 'one problem' : `${String(problems.length)} problems`;
  return new Refusal(
    'bundle_invalid',
    `The policy bundle ${dir} does not load (${count}):\n${lines}`,
    problems[0]?.at ?? null,
  );
}

async function listFolder(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    throw new Refusal(
      'bundle_invalid',
      `The policy bundle ${dir} cannot be read: name a folder that exists and is readable.`,
      dir,
      { cause: error },
    );
  }
}

/** The bytes, or what is wrong with the file. */
async function readRegularFile(path: string): Promise<Uint8Array | string> {
  try {
    const info = await lstat(path);
    if (info.isSymbolicLink()) return 'is a symbolic link: put the file itself here';
    if (!info.isFile()) return 'is not a regular file';
    // Opened without following links and bounded by what is read, so a swap after the check gains nothing.
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const buffer = new Uint8Array(FILE_BYTES_MAX + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return length > FILE_BYTES_MAX ? 'is larger than 1 MiB' : buffer.slice(0, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`;
  }
}
