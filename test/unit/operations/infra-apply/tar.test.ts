import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readTar } from '../../../../src/operations/infra-apply/tar.js';
import { tarOf, type TarEntry } from '../../../support/tar.js';

const pax = (key: string, value: string): TarEntry => {
  const length = Buffer.byteLength(` ${key}=${value}\n`);
  return { name: 'pax', type: 'x', text: `${String(length + 2)} ${key}=${value}\n` };
};

describe('an archive', () => {
  it.each<[string, Uint8Array, string[]]>([
    ['of plain files', tarOf({ 'main.tf': 'a', 'modules/m/x.tf': 'b' }), ['main.tf', 'modules/m/x.tf']],
    ['with ./ before its names', tarOf({ './main.tf': 'a' }), ['main.tf']],
    [
      'with folders',
      tarOf([
        { name: 'modules/', type: '5' },
        { name: 'modules/x.tf', text: 'a' },
      ]),
      ['modules/x.tf'],
    ],
    [
      'with a long name',
      tarOf([
        { name: 'long', type: 'L', text: `${'d/'.repeat(80)}x.tf` },
        { name: 'cut', text: 'a' },
      ]),
      [`${'d/'.repeat(80)}x.tf`],
    ],
    ['with a name by pax', tarOf([pax('path', 'folder/ü.tf'), { name: 'other', text: 'a' }]), ['folder/ü.tf']],
    [
      'with the comment of git',
      tarOf([
        { name: 'pax_global_header', type: 'g', text: '52 comment=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n' },
        { name: 'x.tf' },
      ]),
      ['x.tf'],
    ],
    ['that is compressed', gzipSync(tarOf({ 'main.tf': 'a' })), ['main.tf']],
  ])('%s is read', (_, archive, paths) => {
    expect(readTar(archive).map(({ path }) => path)).toEqual(paths);
  });

  it.each<[string, Uint8Array]>([
    ['a symbolic link', tarOf([{ name: 'x', type: '2', linkTo: '/etc/passwd' }])],
    ['a hard link', tarOf([{ name: 'x', type: '1', linkTo: '../x' }])],
    ['a device', tarOf([{ name: 'x', type: '3' }])],
    ['a pipe', tarOf([{ name: 'x', type: '6' }])],
    ['a file that is a folder, too', tarOf({ 'a/x.tf': 'a', A: 'b' })],
    [
      'a name that no file system takes',
      tarOf([{ name: 'l', type: 'L', text: `${'ü'.repeat(128)}.tf` }, { name: 'y' }]),
    ],
    ['a file without a name', tarOf({ './': 'a' })],
    ['a folder in the place of our lock file', tarOf({ '.terraform.lock.hcl/x.tf': 'a' })],
    ['a folder that is called as a configuration', tarOf({ 'main.tf/x': 'a' })],
    [
      'a pax header without an end',
      tarOf([
        { name: 'pax', type: 'x', text: '5 a=\n'.repeat(20_000) },
        { name: 'y', text: 'a' },
      ]),
    ],
    ['an absolute path', tarOf({ '/etc/x': 'a' })],
    ['a path above', tarOf({ '../x': 'a' })],
    ['a path above by a detour', tarOf({ 'a/../../x': 'a' })],
    ['a path above by a long name', tarOf([{ name: 'l', type: 'L', text: '../../x' }, { name: 'y' }])],
    ['a path above by pax', tarOf([pax('path', '../../x.tf'), { name: 'y' }])],
    ['a link by pax', tarOf([pax('linkpath', '/etc/passwd'), { name: 'y' }])],
    ['a backslash', tarOf({ 'a\\b': 'a' })],
    ['a control character', tarOf({ 'a\u001b[2J': 'a' })],
    ["a tool's own folder", tarOf({ '.terraform/providers/x': 'a' })],
    ['a git folder, whatever its case', tarOf({ 'm/.GIT/config': 'a' })],
    [
      'a file that is there twice',
      tarOf([
        { name: 'x', text: 'a' },
        { name: 'x', text: 'b' },
      ]),
    ],
    [
      'files that differ in case',
      tarOf([
        { name: 'x', text: 'a' },
        { name: 'X', text: 'b' },
      ]),
    ],
    ['a file that ends too early', tarOf({ x: 'a'.repeat(600) }).subarray(0, 700)],
    ['no archive at all', Buffer.from('x'.repeat(2_000))],
    ['no gzip', Buffer.from([0x1f, 0x8b, 1, 2, 3])],
    ['a gzip that grows', gzipSync(Buffer.alloc(100_000_000))],
  ])('with %s is refused', (_, archive) => {
    expect(() => readTar(archive)).toThrow(expect.objectContaining({ code: 'source_forbidden' }));
  });
});
