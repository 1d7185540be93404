import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../../src/config/common.js';

const schema = z.object({ COUNTERSIGN_SECRET: z.string().min(3), COUNTERSIGN_KEYRING_FILE: z.string().optional() });

describe('a setting given as a file', () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-settings-'));
    await writeFile(file('line'), 'hvs.one\n');
    await writeFile(file('bare'), 'hvs.one');
    await writeFile(file('spaces'), ' hvs.one \n\n');
    await writeFile(file('short'), 'a\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each([
    ['without the line break that ends it', 'line', 'hvs.one'],
    ['as it is', 'bare', 'hvs.one'],
    ['with every other blank', 'spaces', ' hvs.one \n'],
  ])('is read %s', (_how, name, value) => {
    expect(parseConfig(schema, { COUNTERSIGN_SECRET_FILE: file(name) })).toEqual({ COUNTERSIGN_SECRET: value });
  });

  test.each([
    ['both are given', { COUNTERSIGN_SECRET: 'abc', name: 'bare' }, 'COUNTERSIGN_SECRET: give it or'],
    ['the file is not there', { name: 'missing' }, 'COUNTERSIGN_SECRET_FILE: '],
    ['its value is not valid', { name: 'short' }, 'COUNTERSIGN_SECRET: '],
  ])('is refused when %s', (_why, { name, ...environment }, message) => {
    const parse = (): unknown => parseConfig(schema, { ...environment, COUNTERSIGN_SECRET_FILE: file(name) });
    expect(parse).toThrow(message);
    expect(parse).not.toThrow('hvs.');
  });

  test('is told from a setting whose own name ends in _FILE', () => {
    const environment = { COUNTERSIGN_SECRET: 'abc', COUNTERSIGN_KEYRING_FILE: file('missing') };
    expect(parseConfig(schema, environment)).toEqual(environment);
  });
});
