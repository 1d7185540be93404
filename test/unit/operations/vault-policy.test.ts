import { describe, expect, it } from 'vitest';
import { flagSchema } from '../../../src/core/schemas/action.js';
import { beforeIn, diffOf } from '../../../src/operations/vault-policy/diff.js';
import { renderPolicy } from '../../../src/operations/vault-policy/document.js';
import { effectiveChange, ruleAt } from '../../../src/operations/vault-policy/effective.js';
import { findPolicyFlags, reaches } from '../../../src/operations/vault-policy/flags.js';
import { paramsSchema } from '../../../src/operations/vault-policy/params.js';
import { undoOf } from '../../../src/operations/vault-policy/preview.js';
import { readPolicy } from '../../../src/operations/vault-policy/read-policy.js';
import { targetKind, vaultTargetSchema, whyProtected } from '../../../src/targets/vault.js';

const READ = '{ capabilities = ["read"] }';
const NOON_UTC_MS = Date.UTC(2026, 10, 18, 12, 0);

describe('policies that are understood', () => {
  it.each<[string, string, string]>([
    ['a block', `path "a/b" ${READ}`, 'path "a/b" {\n  capabilities = ["read"]\n}\n'],
    [
      'comments, order and repetition',
      `# one\npath "b" { capabilities = ["update", "read", "read",] } // two\n/* three\n */ path "a/*" ${READ}`,
      'path "a/*" {\n  capabilities = ["read"]\n}\n\npath "b" {\n  capabilities = ["read", "update"]\n}\n',
    ],
    [
      'parameters and wrapping',
      'path "a" {\n capabilities = ["update"]\n allowed_parameters = { "ttl" = ["1h", 2, true], "*" = [] }\n denied_parameters { "x" = [] }\n required_parameters = ["ttl"]\n min_wrapping_ttl = 10\n max_wrapping_ttl = "90s"\n}',
      'path "a" {\n  capabilities = ["update"]\n  allowed_parameters = {\n    "*" = []\n    "ttl" = ["1h", 2, true]\n  }\n  denied_parameters = {\n    "x" = []\n  }\n  required_parameters = ["ttl"]\n  min_wrapping_ttl = "10"\n  max_wrapping_ttl = "90s"\n}\n',
    ],
    ['JSON', '{ "path": { "a": { "capabilities": ["deny"] } } }', 'path "a" {\n  capabilities = ["deny"]\n}\n'],
    ['escapes', 'path "a/\\"b\\"" { capabilities = ["read"] }', 'path "a/\\"b\\"" {\n  capabilities = ["read"]\n}\n'],
    [
      'templates',
      `path "a/{{identity.entity.id}}/*" ${READ}`,
      'path "a/{{identity.entity.id}}/*" {\n  capabilities = ["read"]\n}\n',
    ],
  ])('%s', (_, text, rendered) => {
    expect(renderPolicy(readPolicy(text))).toBe(rendered);
    // What is written is understood as what was meant.
    expect(renderPolicy(readPolicy(rendered))).toBe(rendered);
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /no path/],
    ['no block', 'path "a"', /line 1: = or \{ is expected/],
    ['another word', `name = "x"\npath "a" ${READ}`, /line 1: "name"/],
    ['a path twice', `path "a" ${READ}\npath "a" ${READ}`, /line 2: path "a" is there twice/],
    ['a path twice in JSON', '{"path": {"a": {"capabilities": ["deny"]}, "a": {"capabilities": ["sudo"]}}}', /twice/],
    ['capabilities twice', 'path "a" {\ncapabilities = ["read"]\ncapabilities = ["sudo"]\n}', /line 3: .* twice/],
    ['no capabilities', 'path "a" {}', /no capabilities/],
    ['empty capabilities', 'path "a" { capabilities = [] }', /must not be empty/],
    ['an unknown capability', 'path "a" { capabilities = ["root"] }', /"root" is no capability/],
    ['deny and more', 'path "a" { capabilities = ["deny", "read"] }', /write it alone/],
    ['the old form', 'path "a" { policy = "write" }', /"policy" is not known/],
    [
      'a control group',
      'path "a" { capabilities = ["read"]\n control_group = {} }',
      /line 2: "control_group" is not known/,
    ],
    ['a leading slash', `path "/a" ${READ}`, /leave it out/],
    ['a star in the middle', `path "a/*/b" ${READ}`, /stands for itself/],
    ['a plus within a segment', `path "a/b+/c" ${READ}`, /stands for itself/],
    ['interpolation', `path "a/\${x}" ${READ}`, /interpolation/],
    ['a heredoc', 'path "a" { comment = <<EOT\nx\nEOT\n }', /line 1: "<" is not expected/],
    ['an invisible character', `path "a\u202e" ${READ}`, /invisible/],
    ['an escaped invisible character', `path "a\\u202e" ${READ}`, /invisible/],
    ['an unknown escape', `path "a\\x41" ${READ}`, /escape/],
    ['a text without its end', 'path "a { }', /not expected/],
    ['nesting without end', `path "a" { allowed_parameters = ${'{ "a" = '.repeat(20)}`, /nested|parameters/],
    ['two labels', `path "a" "b" ${READ}`, /path "…"/],
    [
      'parameters that differ in case only',
      'path "a" { capabilities = ["read"]\n denied_parameters = { "X" = [], "x" = [] } }',
      /twice/,
    ],
    ['JSON with a comma too many', '{"path": {"a": {"capabilities": ["read",]}}}', /comma/],
    ['JSON with something behind', '{"path": {"a": {"capabilities": ["read"]}}} path', /follows the end/],
    [
      'too many paths',
      Array.from({ length: 501 }, (_, n) => `path "a${String(n)}" ${READ}`).join('\n'),
      /more than 500/,
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => readPolicy(text)).toThrow(message);
  });
});

describe('which rule Vault applies', () => {
  // The rows of https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching, among others.
  it.each<[string, string[], string | null]>([
    ['secret/foo/bar/baz', ['secret/*', 'secret/foo/*', 'secret/+/bar/*'], 'secret/foo/*'],
    ['secret/foo/bar', ['secret/*', 'secret/foo/bar'], 'secret/foo/bar'],
    ['secret/foo/bar', ['secret/+/bar', 'secret/foo/+'], 'secret/foo/+'],
    ['secret/foo/bar', ['secret/+/+', 'secret/+/bar'], 'secret/+/bar'],
    ['secret/foo/bar', ['secret/+/*', 'secret/+/bar'], 'secret/+/bar'],
    ['secret/foo', ['secret/f*', 'secret/fo*'], 'secret/fo*'],
    ['secret/foo/bar', ['secret/foo'], null],
    ['secret/foo/bar', ['secret/+'], null],
    ['anything', ['*'], '*'],
  ])('%s among %j: %s', (path, patterns, expected) => {
    const document = readPolicy(patterns.map((pattern) => `path "${pattern}" ${READ}`).join('\n'));
    expect(ruleAt(document, path)?.path ?? null).toBe(expected);
  });
});

describe('the effective change of a policy', () => {
  const change = (before: string, after: string) =>
    effectiveChange(before === '' ? [] : readPolicy(before), after === '' ? [] : readPolicy(after));
  const words = (pairs: readonly { path: string; capability: string }[]) =>
    pairs.map(({ path, capability }) => `${capability} ${path}`);
  it.each<[string, string, string, string[], string[]]>([
    ['a new path', '', `path "a" ${READ}`, ['read a'], []],
    ['a deletion', `path "a" ${READ}`, '', [], ['read a']],
    ['layout', `path "a" ${READ}`, `# x\npath "a" { capabilities = ["read","read"] }`, [], []],
    ['what a wildcard allowed already', `path "a/*" ${READ}`, `path "a/*" ${READ}\npath "a/b" ${READ}`, [], []],
    [
      'a deny that goes uncovers a wildcard',
      `path "a/*" ${READ}\npath "a/b" { capabilities = ["deny"] }`,
      `path "a/*" ${READ}`,
      ['read a/b'],
      [],
    ],
    [
      'a deny that comes',
      `path "a/*" ${READ}`,
      `path "a/*" ${READ}\npath "a/b" { capabilities = ["deny"] }`,
      [],
      ['read a/b'],
    ],
    [
      'a narrower path takes away',
      `path "a/*" { capabilities = ["read", "update"] }`,
      `path "a/*" { capabilities = ["read", "update"] }\npath "a/b" ${READ}`,
      [],
      ['update a/b'],
    ],
    ['a wider path', `path "a/b" ${READ}`, `path "a/*" ${READ}`, ['read a/*'], []],
    ['segments', `path "a/+/c" ${READ}`, 'path "a/+/c" { capabilities = ["read", "sudo"] }', ['sudo a/+/c'], []],
  ])('%s', (_, before, after, allowed, lost) => {
    const found = change(before, after);
    expect(words(found.allowed)).toEqual(allowed);
    expect(words(found.lost)).toEqual(lost);
  });

  it('tells denies and limits apart', () => {
    const before =
      'path "a" { capabilities = ["update"]\n denied_parameters = { "x" = [] } }\npath "b" { capabilities = ["deny"] }';
    const after = 'path "a" { capabilities = ["update"] }\npath "c" { capabilities = ["deny"] }';
    expect(change(before, after)).toEqual({
      allowed: [],
      lost: [],
      denyGone: ['b'],
      denyNew: ['c'],
      limits: [{ path: 'a', before: 'denied {x=[]}', after: '' }],
    });
  });
});

describe('the diff', () => {
  it('is by rule, whole, and holds the present document', () => {
    const before = readPolicy(`path "a" ${READ}\npath "b" ${READ}\npath "c" { capabilities = ["deny"] }`);
    const after = readPolicy(
      'path "a" { capabilities = ["list"] }\npath "b" { capabilities = ["read"] }\npath "d" { capabilities = ["read"] }',
    );
    const diff = diffOf(before, after);
    expect(diff.filter((line) => !line.startsWith(' '))).toEqual([
      '-  capabilities = ["read"]',
      '+  capabilities = ["list"]',
      '-path "c" {',
      '-  capabilities = ["deny"]',
      '-}',
      '+path "d" {',
      '+  capabilities = ["read"]',
      '+}',
    ]);
    expect(renderPolicy(readPolicy(beforeIn(diff)))).toBe(renderPolicy(before));
    const preview = (estimate: object) => ({
      summary: '',
      facts: [],
      content: { language: 'diff' as const, text: ['--- x', '+++ x', ...diff].join('\n') },
      fingerprint: '',
      estimate: { ...estimate },
    });
    const params = { do: 'delete', target: 'vault', name: 'app' } as const;
    expect(undoOf(params, preview({ before: 'one', after: 'one' }))).toBeNull();
    expect(undoOf(params, preview({ before: 'absent', after: 'one' }))).toEqual(params);
    const undo = paramsSchema.parse(undoOf(params, preview({ before: 'one', after: 'absent' })));
    expect(undo.do === 'set' && renderPolicy(readPolicy(undo.document))).toBe(renderPolicy(before));
  });
});

describe('flags of vault.policy', () => {
  const target = { name: 'vault', environment: 'staging', hours: { timeZone: 'UTC', from: 8, to: 18 } };
  const allow = (path: string, ...capabilities: string[]): string =>
    `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`;
  it.each<[string, string, string, string[]]>([
    ['nothing unusual', '', allow('secret/data/app', 'read', 'update'), []],
    ['nothing new', allow('sys/*', 'sudo'), allow('sys/*', 'sudo'), []],
    ['sudo', '', allow('secret/x', 'sudo'), ['sudo:critical']],
    ['reading what governs Vault', '', allow('sys/mounts', 'read'), ['sys_path:high']],
    ['writing what governs Vault', '', allow('sys/policies/acl/x', 'update'), ['sys_path:critical']],
    ['a login', '', allow('auth/approle/login', 'create'), ['auth_path:critical']],
    ['entities', '', allow('identity/entity/*', 'list'), ['identity_path:high']],
    [
      'everything',
      '',
      allow('*', 'read'),
      ['all_paths:critical', 'sys_path:high', 'auth_path:high', 'identity_path:high'],
    ],
    [
      'everything, otherwise',
      '',
      allow('+/*', 'list'),
      ['all_paths:critical', 'sys_path:high', 'auth_path:high', 'identity_path:high'],
    ],
    ['a wildcard that writes', '', allow('secret/data/+', 'delete'), ['wildcard_write:high']],
    ['a deny that goes', allow('secret/a', 'deny'), allow('secret/b', 'read'), ['deny_removed:high']],
    [
      'limits',
      'path "a" { capabilities = ["update"]\n denied_parameters = { "x" = [] } }',
      allow('a', 'update'),
      ['limits_changed:medium'],
    ],
    ['templates', '', allow('secret/{{identity.entity.id}}', 'read'), ['templated_path:medium']],
    ['less', allow('secret/a', 'read', 'list'), allow('secret/a', 'read'), ['access_lost:low']],
    ['a deletion', allow('secret/a', 'read'), '', ['policy_deleted:medium', 'access_lost:low']],
  ])('%s', (_, before, after, expected) => {
    const documents = [before, after].map((text) => (text === '' ? [] : readPolicy(text)));
    const [earlier = [], later = []] = documents;
    const effective = effectiveChange(earlier, later);
    const input = { effective, after: later, isDeleted: after === '', target, pastChanges: 1, nowMs: NOON_UTC_MS };
    const flags = findPolicyFlags(input);
    expect(flags.map(({ code, severity }) => `${code}:${severity}`)).toEqual(expected);
    for (const flag of flags) expect(flagSchema.safeParse(flag).success).toBe(true);
  });

  it.each<[string, string, boolean]>([
    ['sys/*', 'sys/', true],
    ['sys/policies/acl/x', 'sys/', true],
    ['s*', 'sys/', true],
    ['+/policies/acl/x', 'sys/', true],
    ['*', 'auth/', true],
    ['system/*', 'sys/', false],
    ['secret/sys/*', 'sys/', false],
    ['secret*', 'sys/', false],
  ])('%s reaches into %s: %s', (pattern, area, expected) => {
    expect(reaches(pattern, area)).toBe(expected);
  });
});

describe('policies that may be touched', () => {
  const target = vaultTargetSchema.parse({
    kind: 'vault',
    name: 'vault',
    environment: 'production',
    owners: [],
    hours: { timeZone: 'UTC', from: 0, to: 24 },
    vault: { previewTokenRole: 'app-policies-preview', executeTokenRole: 'app-policies-execute' },
    policies: ['app-*', 'team', 'countersign-x', 'root'],
    protectedPolicies: ['app-ops*'],
  });
  it.each([
    ['app-shop', null],
    ['team', null],
    ['team-x', /none of those/],
    ['app-ops', /protected/],
    ['app-ops-x', /protected/],
    ['app-policies-execute', /binds Countersign/],
    ['countersign-x', /binds Countersign/],
    ['root', /Vault's own/],
    ['default', /Vault's own/],
  ])('%s', (name, expected) => {
    const why = whyProtected(name, target);
    if (expected === null) expect(why).toBeNull();
    else expect(why).toMatch(expected);
  });

  it('are not listed in vain', () => {
    expect(targetKind.findProblems(target).map(({ field }) => field)).toEqual([
      ['policies', 2],
      ['policies', 3],
    ]);
  });

  it('are none that bear the name of a token role', () => {
    const roles = ['App-Policies-Execute', 'app-ops-execute', 'app-Shop-execute', 'elsewhere'];
    expect(targetKind.findConflicts?.(target, roles)).toMatchObject([
      { field: ['policies'], message: expect.stringContaining('"app-Shop-execute"') as string },
    ]);
  });

  it('have names as Vault keeps them', () => {
    for (const name of ['App', 'a/b', '../root', '', 'a'.repeat(130)])
      expect(paramsSchema.safeParse({ do: 'delete', target: 'vault', name }).success, name).toBe(false);
  });
});
