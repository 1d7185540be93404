import { gunzipSync } from 'node:zlib';
import { Refusal } from '../../core/errors.js';
import { INFRA_LIMITS } from './params.js';

/** One regular file of an archive; its path is relative and stays inside. */
export interface TarFile {
  path: string;
  bytes: Uint8Array;
}

const BLOCK = 512;

// A name takes a few hundred bytes; what is read record by record must not keep the process from everything else.
const EXTENSION_BYTES = 64 * 1024;

/**
 * Reads a tar (ustar, pax, GNU long names) or tar.gz: regular files and folders, nothing else.
 * @throws Refusal `source_forbidden` for links, devices, paths that leave the archive, or more than the limits.
 */
export function readTar(archive: Uint8Array): TarFile[] {
  const tar = unzipped(archive);
  const files = new Map<string, TarFile>();
  const next: { path?: string; size?: number } = {};
  let total = 0;
  for (let offset = 0; offset + BLOCK <= tar.length;) {
    const header = tar.subarray(offset, offset + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size =
      type === 'x' || type === 'g' || type === 'L'
        ? numberAt(header, 124, 12)
        : (next.size ?? numberAt(header, 124, 12));
    const body = tar.subarray(offset + BLOCK, offset + BLOCK + size);
    if (body.length !== size) throw forbidden('the archive ends in the middle of a file');
    if ((type === 'x' || type === 'L') && size > EXTENSION_BYTES) throw forbidden('a name is too long');
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (type === 'g') continue; // git's comment
    if (type === 'x') {
      Object.assign(next, paxOf(body));
      continue;
    }
    if (type === 'L') {
      next.path = textOf(body);
      continue;
    }
    const path = checkedPath(next.path ?? nameOf(header));
    delete next.path;
    delete next.size;
    if (type === '5') continue;
    if (type !== '0' && type !== '\0') throw forbidden(`${path} is a link or a device`);
    if (path === '.') throw forbidden('a file has no name');
    // A file system that ignores case would let the second overwrite the first, unread.
    if (files.has(path.toLowerCase())) throw forbidden(`${path} is there twice`);
    total += size;
    if (total > INFRA_LIMITS.sourceBytes || files.size >= INFRA_LIMITS.sourceFiles) throw forbidden('it is too large');
    files.set(path.toLowerCase(), { path, bytes: body });
  }
  for (const { path } of files.values()) {
    const folders = path.toLowerCase().split('/').slice(0, -1);
    const clash = folders.map((_, depth) => folders.slice(0, depth + 1).join('/')).find((folder) => files.has(folder));
    if (clash !== undefined) throw forbidden(`${clash} is a file and a folder`);
  }
  return [...files.values()];
}

function unzipped(archive: Uint8Array): Uint8Array {
  if (archive[0] !== 0x1f || archive[1] !== 0x8b) return archive;
  try {
    return gunzipSync(archive, { maxOutputLength: 2 * INFRA_LIMITS.sourceBytes });
  } catch (error) {
    throw forbidden('it is too large, or no gzip', error);
  }
}

function nameOf(header: Uint8Array): string {
  const name = textOf(header.subarray(0, 100));
  const isUstar = textOf(header.subarray(257, 262)) === 'ustar';
  const prefix = isUstar ? textOf(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Only plain names: what a shell, a file system or a configuration could read differently is refused. */
function checkedPath(sent: string): string {
  const path = sent.replace(/^(\.\/)+/, '').replace(/\/$/, '');
  if (path === '' || path === '.') return '.';
  const parts = path.split('/');
  const isPlain =
    !path.startsWith('/') &&
    path.length <= 400 &&
    parts.every((part) => /^[\p{L}\p{N}_.@+ ,=()-]+$/u.test(part) && Buffer.byteLength(part) <= 255);
  if (!isPlain || parts.includes('..') || parts.includes('.'))
    throw forbidden(`${JSON.stringify(sent.slice(0, 100))} is no plain path inside it`);
  if (parts.some((part) => /^(\.terraform|\.git)$/i.test(part))) throw forbidden(`${path} is a folder of a tool's own`);
  if (parts.slice(0, -1).some((part) => /\.(tf|tofu)$|\.terraform\.lock\.hcl$/i.test(part)))
    throw forbidden(`${path} is in a folder that is called as a file of OpenTofu's`);
  return path;
}

function paxOf(body: Uint8Array): { path?: string; size?: number } {
  const found: { path?: string; size?: number } = {};
  for (let rest = Buffer.from(body); rest.length > 0;) {
    const length = Number(/^(\d{1,6}) /.exec(rest.subarray(0, 8).toString('latin1'))?.[1]);
    if (!(length > 0 && length <= rest.length)) throw forbidden('a pax header is malformed');
    const record = rest.subarray(0, length).toString('utf8');
    const [, key, value = ''] = /^\d+ ([^=]+)=([^]*)\n$/.exec(record) ?? [];
    if (key === 'path') found.path = value;
    else if (key === 'size') found.size = Number(value);
    else if (key === 'linkpath' || key?.startsWith('GNU.sparse')) throw forbidden('it holds links or sparse files');
    rest = rest.subarray(length);
  }
  if (found.size !== undefined && !Number.isSafeInteger(found.size)) throw forbidden('a pax header is malformed');
  return found;
}

function numberAt(header: Uint8Array, from: number, length: number): number {
  const text = textOf(header.subarray(from, from + length)).trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw forbidden('a size is malformed');
  return Number.parseInt(text, 8);
}

function checkSum(header: Uint8Array): void {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  if (numberAt(header, 148, 8) !== sum) throw forbidden('it is no tar archive');
}

function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end)).toString('utf8');
}

function forbidden(what: string, cause?: unknown): Refusal {
  return new Refusal('source_forbidden', `The configuration's archive is refused: ${what}.`, 'params.source', {
    cause,
  });
}
