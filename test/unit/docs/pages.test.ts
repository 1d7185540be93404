import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = new URL('../../../', import.meta.url).pathname;
const inDocs = (await readdir(join(root, 'docs'), { recursive: true })).map((name) => join('docs', name));
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'policies/README.md', ...inDocs].filter((name) =>
  name.endsWith('.md'),
);
const tests = new Set((await readdir(join(root, 'test'), { recursive: true })).map((name) => basename(name)));

describe.each(pages)('%s', (page) => {
  test('links to files that are there', async () => {
    const text = await readFile(join(root, page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
    const missing = links
      .filter((link) => !/^(https?:|#)/.test(link))
      .filter((link) => !existsSync(join(root, dirname(page), link.replace(/#.*/, ''))));
    expect(missing).toEqual([]);
  });

  test('names tests that are there', async () => {
    const text = await readFile(join(root, page), 'utf8');
    const named = [...text.matchAll(/`([^`\s<>*]+\.test\.ts)`/g)].map(([, name]) => name ?? '');
    const missing = named.filter((name) => (name.includes('/') ? !existsSync(join(root, name)) : !tests.has(name)));
    expect(missing).toEqual([]);
  });
});

test('decisions have numbers of their own', () => {
  const numbers = pages.filter((name) => name.startsWith('docs/adr/')).map((name) => basename(name).slice(0, 4));
  expect(numbers.length).toBeGreaterThan(5);
  expect(numbers.filter((number) => !/^\d{4}$/.test(number))).toEqual([]);
  expect(new Set(numbers).size).toBe(numbers.length);
});
