import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { beforeAll, describe, expect, test } from 'vitest';

// What runs in the workflow sandbox, as the build bundled it: the third wall after the tsconfig and the dependency rules.
const BUNDLE = new URL('../../../dist/workflow-bundle.js', import.meta.url);
const MAX_BYTES = 1_200_000;

/** Every package that may be in it. A new one is a decision: it is in memory once per cached workflow. */
const PACKAGES = [
  '@noble/curves',
  '@noble/hashes',
  '@scure/base',
  '@temporalio/common',
  '@temporalio/workflow',
  'canonicalize',
  'long',
  'ms',
  'nexus-rpc',
];

describe('the workflow bundle', () => {
  let code: string;
  let modules: string[];

  beforeAll(async () => {
    const text = await readFile(BUNDLE, 'utf8');
    code = text.replace(/\n\/\/# sourceMappingURL=data:[^\n]*/, '');
    modules = [...code.matchAll(/^\/\*\*\*\/ "([^"]+)"/gm)].map(([, name]) => name ?? '');
  });

  test('holds our workflows', () => {
    expect(modules.filter((name) => name.endsWith('/workflows/privileged-action.js'))).toHaveLength(1);
  });

  test('holds these packages and no other, so no zod', () => {
    const packages = modules.flatMap((name) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1] ?? []);
    expect([...new Set(packages)].sort()).toEqual(PACKAGES);
  });

  test('asks for no module of Node', () => {
    // The bundler puts an empty module in the place of what it leaves out, and names it in a comment.
    const leftOut = [...code.matchAll(/!\*\*\* (\S+) \(ignored\) \*\*\*!/g)].map(([, name]) => name ?? '');
    expect(leftOut.filter((name) => !name.startsWith('__temporal_custom_'))).toEqual([]);
    const builtIn = new Set(builtinModules);
    expect(modules.filter((name) => name.startsWith('node:') || builtIn.has(name))).toEqual([]);
  });

  test('holds of our own code only core, contracts and workflows', () => {
    const own = modules.flatMap((name) => /^\.\/dist\/(.*)/.exec(name)?.[1] ?? []);
    expect(own.length).toBeGreaterThan(10);
    expect(own.filter((name) => !/^(workflows|src\/core|src\/contracts)\//.test(name))).toEqual([]);
  });

  test(`is at most ${String(MAX_BYTES / 1_000_000)} MB without its source map`, () => {
    expect(Buffer.byteLength(code)).toBeLessThanOrEqual(MAX_BYTES);
  });
});
