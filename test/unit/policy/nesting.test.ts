import { expect, it, test } from 'vitest';
import { filesDiff } from '../../../src/policy/compare/files-diff.js';
import { nestingFaults } from '../../../src/policy/nesting.js';
import { readYaml } from '../../../src/directory/yaml-source.js';
import { EXAMPLE, editedBundle, problemsOf } from './bundle-folders.js';
import { z } from 'zod';

const rule = (condition: string): string =>
  `\n@id("deep")\nforbid (principal, action == Action::"database.export", resource) when { ${condition} };\n`;
const many = (text: string, times = 2_000): string => text.repeat(times);

it.each<[string, string]>([
  ['brackets', `${many('(')}true${many(')')}`],
  ['brackets, between comparisons', `true && ${many('(1 > ')}1${many(')')}`],
  ['brackets, behind what looks like a comment', `true // \r && ${many('(')}true${many(')')}\n`],
  ['sets', `${many('[')}${many(']')} == []`],
  ['sums', `1${many(' + 1')} == 1`],
  ['attributes', `context${many('.a')} == 1`],
  ['attributes in brackets', `context${many('["a"]')} == 1`],
  ['conditionals', `${many('if true then ')}true${many(' else true')}`],
  ['conjunctions', `true${many(' && true')}`],
])('policies that nest too deeply never reach Cedar, which would answer nothing any more: %s', (_, condition) => {
  const faults = nestingFaults({ path: 'deep.cedar', text: rule(condition) }, 'policies');
  expect(faults.map(({ message }) => message)).toEqual([expect.stringMatching(/nests too deeply/)]);
});

it.each<[string, string, RegExp]>([
  ['sets', `entity Deep { a: ${many('Set<')}Long${many('>')} };`, /nests too deeply/],
  ['types, which grow by doubling', 'type A = Long; type B = { a: A, b: A };', /declares a type out of another/],
  ['length', many('entity E;', 5_000), /longer than/],
])('nor does such a schema: %s', (_, text, says) => {
  expect(nestingFaults({ path: 'schema.cedarschema', text }, 'schema')[0]?.message).toMatch(says);
});

test('a bundle is read as before after one that nests too deeply', async () => {
  const text = rule(`${many('(')}true${many(')')}`);
  const dir = await editedBundle([{ file: 'database-export.cedar', from: null, to: text }]);
  expect(await problemsOf(dir)).toEqual([expect.stringMatching(/nests too deeply/)]);
  expect(await problemsOf(EXAMPLE)).toEqual([]);
});

test('a map of very many keys is read at once, and a repeated one is refused', () => {
  const text = `${Array.from({ length: 20_000 }, (_, index) => `k${String(index)}: 1`).join('\n')}\nk1: 2\n`;
  const { problems } = readYaml({ path: 'directory.yaml', text }, z.unknown());
  expect(problems).toEqual([{ at: 'directory.yaml:20001', message: 'not valid YAML: Map keys must be unique' }]);
}, 10_000);

test('a change of more lines than anybody reads is not compared', () => {
  const files = (letter: string) => {
    const text = Array.from({ length: 50_000 }, (_, index) => letter + String(index)).join('\n');
    return { files: new Map([['a.cedar', { path: 'a.cedar', text }]]) };
  };
  expect(filesDiff(files('a'), files('b'))).toBeNull();
}, 30_000);
