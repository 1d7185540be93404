import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { editedBundle, problemsOf, type Edit } from './bundle-folders.js';

const EXPORTS = 'database-export.cedar';

function startsWith(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
}

/** Puts in line numbers: `file:{text}` is the line of that text, `{text#2}` of its second occurrence. */
async function withLines(folder: string, expected: string): Promise<string> {
  let result = expected;
  for (const [placeholder, file, marker, nth] of expected.matchAll(/([a-z-]+\.\w+):\{(.+?)(?:#(\d))?\}/g)) {
    const before = (await readFile(join(folder, file ?? ''), 'utf8')).split(marker ?? '').slice(0, Number(nth ?? 1));
    result = result.replace(placeholder, `${file ?? ''}:${String(before.join('').split('\n').length)}`);
  }
  return result;
}

const permit = (annotations: string, rest = 'action == Action::"database.export", resource'): string =>
  `${annotations}\npermit (principal, ${rest});\n`;
const add = (text: string): Edit[] => [{ file: 'extra.cedar', from: null, to: `// first line\n${text}` }];
const inExports = (from: string, to: string): Edit[] => [{ file: EXPORTS, from, to }];
const VAULT_TARGET = `
  - kind: vault
    name: vault
    environment: production
    owners: []
    vault: { previewTokenRole: policies-preview, executeTokenRole: policies-execute }
    policies: [orders-s*]
    protectedPolicies: [orders-staging-execute]
    hours: { timeZone: Europe/Berlin, from: 0, to: 24 }
`;
const SOUND = '@expire("1h") @lease("5m")';

const POLICY_FAULTS: [string, Edit[], string][] = [
  [
    'unknown group',
    inExports('"dba:1 & data-owner:1"', '"dbas:1"'),
    'database-export.cedar:{@review("dbas:1")}: @review names group "dbas"; the directory has "dba"',
  ],
  [
    'quorum over the distinct people',
    inExports('"dba:1 & data-owner:1"', '"dba-lead:2"'),
    'database-export.cedar:{@review("dba-lead:2")}: @review asks for 2 of group "dba-lead", which holds 1 person',
  ],
  [
    'an alias is no second person',
    [
      ...inExports('"dba:1 & data-owner:1"', '"dba:3"'),
      { file: 'directory.yaml', from: 'dba: [ben, carol, olivia-admin]', to: 'dba: [ben, olivia, olivia-admin]' },
    ],
    'database-export.cedar:{@review("dba:3")}: @review asks for 3 of group "dba", which holds 2 people (aliases count once)',
  ],
  [
    'stages that share too few people',
    [{ file: 'directory.yaml', from: 'dba: [ben, carol, olivia-admin]', to: 'dba: [carol]' }],
    'database-export.cedar:{@review("dba:1 & data-owner:1")}: @review("dba:1 & data-owner:1") can never be filled',
  ],
  [
    'review twice of a group',
    inExports('"dba:1 & data-owner:1"', '"dba:1 & dba:2"'),
    'database-export.cedar:{@review("dba:1 & dba:2")}: @review names group "dba" twice',
  ],
  [
    'review of zero',
    inExports('"dba:1 & data-owner:1"', '"dba:0"'),
    'database-export.cedar:{@review("dba:0")}: @review has "dba:0"',
  ],
  [
    'review that is empty',
    inExports('"dba:1 & data-owner:1"', '""'),
    'database-export.cedar:{@review("")}: @review has ""',
  ],
  [
    'review left open',
    inExports('"dba:1 & data-owner:1"', '"dba:1 &"'),
    'database-export.cedar:{@review("dba:1 &")}: @review has ""',
  ],
  [
    'none beside a group',
    inExports('"dba:1 & data-owner:1"', '"none & dba:1"'),
    'database-export.cedar:{@review("none & dba:1")}: @review has "none"',
  ],
  [
    'none with an escalation',
    inExports('@review("none")', '@review("none")\n@escalate("5m:dba-lead")'),
    'database-export.cedar:{@escalate("5m}: @escalate has no effect beside @review("none")',
  ],
  [
    'unknown escalation group',
    inExports('30m:security-oncall")\n@remind("5m")', '30m:security-onc")\n@remind("5m")'),
    'database-export.cedar:{@escalate("10m}: @escalate names group "security-onc"; the directory has "security", "security-oncall"',
  ],
  [
    'escalation after expiry',
    inExports('10m:dba-lead', '3h:dba-lead'),
    'database-export.cedar:{@escalate("3h}: @escalate reaches "dba-lead" after 3h, but the review expires after 2h',
  ],
  [
    'escalation in no form',
    inExports('10m:dba-lead', 'dba-lead'),
    'database-export.cedar:{@escalate("dba-lead,}: @escalate has "dba-lead"',
  ],
  [
    'reminder after expiry',
    inExports('@remind("10m")', '@remind("1h")'),
    'database-export.cedar:{@remind("1h")}: @remind is "1h", but the review expires after 1h',
  ],
  [
    'duration in no form',
    inExports('@remind("10m")', '@remind("10 minutes")'),
    'database-export.cedar:{@remind("10 minutes")}: @remind is "10 minutes"; write a duration',
  ],
  [
    'endless expiry',
    inExports('@expire("8h")', '@expire("15d")'),
    'database-export.cedar:{@expire("15d")}: @expire is "15d"; no request lives longer than 14d',
  ],
  [
    'lease too short',
    inExports('@lease("2m")', '@lease("9s")'),
    'database-export.cedar:{@lease("9s")}: @lease is "9s"; a lease lives from 10s to 1d',
  ],
  [
    'unknown annotation',
    inExports('@remind("10m")', '@reminds("10m")'),
    'database-export.cedar:{@reminds}: @reminds is not a known annotation; Countersign has "remind"',
  ],
  [
    'page after expiry',
    inExports('@remind("10m")', '@page("1h")'),
    'database-export.cedar:{@page("1h")}: @page pages after 1h, but the review expires after 1h',
  ],
  [
    'page in no form',
    inExports('@remind("10m")', '@page("soon")'),
    'database-export.cedar:{@page("soon")}: @page is "soon"; write "now", or a duration',
  ],
  [
    'unknown assurance',
    inExports('@remind("10m")', '@assurance("passkey")'),
    'database-export.cedar:{@assurance}: @assurance is "passkey"; only "any" and "web" are known',
  ],
  [
    'assurance where nobody decides',
    add(permit(`@id("x") @review("none") @assurance("web") ${SOUND}`)),
    'extra.cedar:2: @assurance("web") has no effect beside @review("none"): remove one of them',
  ],
  [
    'unknown freeze',
    inExports('@remind("10m")', '@freeze("any")'),
    'database-export.cedar:{@freeze("any")}: @freeze is "any"; only "effect_mismatch" is known',
  ],
  [
    'freeze without a word',
    inExports('@remind("10m")', '@freeze'),
    'database-export.cedar:{@freeze#2}: @freeze is "null"; only "effect_mismatch" is known',
  ],
  [
    'unknown place',
    inExports('@remind("10m")', '@notify("prod, dirct")'),
    'database-export.cedar:{@notify("prod, dirct")}: @notify names place "dirct"; the directory has "direct"',
  ],
  [
    'a place twice',
    inExports('@remind("10m")', '@notify("direct, direct")'),
    'database-export.cedar:{@notify("direct, direct")}: @notify names place "direct" twice: remove one',
  ],
  [
    'a place without an address',
    [{ file: 'directory.yaml', from: 'groups:\n', to: 'places:\n  prod: {}\ngroups:\n' }],
    'directory.yaml:{  prod:}: place "prod" is nowhere',
  ],
  [
    'a place with a name of ours',
    [{ file: 'directory.yaml', from: 'groups:\n', to: 'places:\n  direct: { slack: C0000009 }\ngroups:\n' }],
    'directory.yaml:{  direct:}: place "direct" has a name that Countersign itself gives a meaning',
  ],
  [
    'a place that is no channel id',
    [{ file: 'directory.yaml', from: 'groups:\n', to: "places:\n  prod: { slack: '#prod' }\ngroups:\n" }],
    'directory.yaml:{  prod:}: places.prod.slack: must be the id of a Slack channel',
  ],
  [
    'freeze on a forbid',
    add('@id("x") @freeze("effect_mismatch")\nforbid (principal, action == Action::"database.export", resource);\n'),
    'extra.cedar:2: @freeze on a forbid has no effect',
  ],
  ['no review', add(permit(`@id("x") ${SOUND}`)), 'extra.cedar:2: permits an operation without @review'],
  [
    'no expiry',
    add(permit('@id("x") @review("none") @lease("5m")')),
    'extra.cedar:2: permits an operation without @expire',
  ],
  [
    'no lease',
    add(permit('@id("x") @review("none") @expire("5m")')),
    'extra.cedar:2: permits an operation without @lease',
  ],
  ['no id', add(permit(`@review("none") ${SOUND}`)), 'extra.cedar:2: has no @id'],
  ['an id that is no name', add(permit(`@id("X y") @review("none") ${SOUND}`)), 'extra.cedar:2: @id is "X y"'],
  [
    'an id that is taken',
    add(permit(`\n@id("prod-export") @review("none") ${SOUND}`)),
    'extra.cedar:3: @id("prod-export") is taken by database-export.cedar:{@id("prod-export")}',
  ],
  [
    'a permit for several questions',
    add('@id("x") @review("none") @expire("1h") @lease("5m")\npermit (principal, action, resource);'),
    'extra.cedar:2: answers several questions (approve, request, review)',
  ],
  [
    'a review on the request question',
    add(permit('@id("x")\n@review("dba:1")', 'action in Action::"request", resource')),
    'extra.cedar:3: @review has no effect',
  ],
  [
    'a review on a forbid',
    add('@id("x")\n@review("dba:1")\nforbid (principal, action, resource);'),
    'extra.cedar:3: @review on a forbid has no effect',
  ],
  ['syntax', add('@id("x")\npermit (principal, action resource);'), 'extra.cedar:3: '],
  ['a template', add(`@id("x")\npermit (principal == ?principal, action, resource);`), 'extra.cedar:2: is a template'],
  [
    'unknown action',
    add('@id("x")\nforbid (principal, action == Action::"database.exprot", resource);'),
    'extra.cedar:3: ',
  ],
  [
    'unknown attribute',
    add('@id("x")\nforbid (principal, action == Action::"database.export", resource)\nwhen { context.rows > 5 };'),
    'extra.cedar:4: attribute `rows`',
  ],
  [
    'a policy that can never apply',
    add('@id("x")\nforbid (principal is Person, action == Action::"database.export", resource);'),
    'extra.cedar:2: ',
  ],
  [
    'a misspelt environment',
    add('@id("x")\nforbid (principal, action, resource in Environment::"prod");'),
    'extra.cedar:2: names Environment::"prod"; the bundle has "production", "staging"',
  ],
  [
    'a misspelt person in a condition',
    add(
      '@id("x")\nforbid (principal is Person, action in Action::"approve", resource)\nwhen { principal == Person::"dav" };',
    ),
    'extra.cedar:2: names Person::"dav"; the bundle has "dave"',
  ],
  [
    'an alias',
    add('@id("x")\nforbid (principal == Person::"olivia-admin", action in Action::"approve", resource);'),
    'extra.cedar:2: names Person::"olivia-admin"',
  ],
  [
    'a misspelt flag',
    add(
      '@id("x")\nforbid (principal, action == Action::"database.export", resource)\nwhen { context.flags.contains("no_were") };',
    ),
    'extra.cedar:2: asks for flag "no_were"; the schema has "no_where" in @flags',
  ],
  [
    'a copy in a comment does not mislead',
    [
      {
        file: 'extra.cedar',
        from: null,
        to: '// permit (principal, action, resource in Environment::"production");\n\n@id("x") // "; \npermit (principal, action, resource in Environment::"production");',
      },
    ],
    'extra.cedar:3: answers several questions',
  ],
];

describe('a fault is named by file and line', () => {
  test.each<[string, Edit[], string]>(POLICY_FAULTS)('%s', async (_, edits, expected) => {
    const folder = await editedBundle(edits);
    const problems = await problemsOf(folder);
    const start = await withLines(folder, expected);
    expect(problems).toContainEqual(expect.stringMatching(startsWith(start)));
  });
});

const OTHER_FAULTS: [string, Edit[], string][] = [
  [
    'schema syntax',
    [{ file: 'schema.cedarschema', from: 'entity Group;', to: 'entity Group' }],
    'schema.cedarschema:{entity Environment}: ',
  ],
  [
    'schema without a question',
    [
      {
        file: 'schema.cedarschema',
        from: 'action "approve:database.export"',
        to: 'action "approve:database.import"',
      },
    ],
    'schema.cedarschema: lacks action "approve:database.export"',
  ],
  [
    'schema that mixes questions',
    [
      {
        file: 'schema.cedarschema',
        from: 'action "database.export" appliesTo',
        to: 'action "database.export" in ["request"] appliesTo',
      },
    ],
    'schema.cedarschema: action "database.export" is in [request]',
  ],
  [
    'schema with another principal',
    [{ file: 'schema.cedarschema', from: 'principal: Person,\n  resource', to: 'principal: Agent,\n  resource' }],
    'schema.cedarschema: action "approve:database.export" has principal Agent; it must be Person',
  ],
  [
    'schema with another context',
    [{ file: 'schema.cedarschema', from: 'severity: Long,', to: 'severity: String,' }],
    'schema.cedarschema: action "database.export" does not fit the context',
  ],
  [
    'schema with another entity',
    [{ file: 'schema.cedarschema', from: '  owner: Person,\n', to: '' }],
    'schema.cedarschema: does not fit the directory and targets',
  ],
  [
    'number without predecessor',
    [{ file: 'bundle.yaml', from: 'number: 1', to: 'number: 2' }],
    'bundle.yaml:{previous:}: bundle 2 must name the digest of bundle 1',
  ],
  [
    'first with a predecessor',
    [{ file: 'bundle.yaml', from: 'null', to: 'a'.repeat(64) }],
    'bundle.yaml:{previous:}: bundle 1 is the first',
  ],
  [
    'target without TLS',
    [{ file: 'targets.yaml', from: 'host: 127.0.0.1', to: 'host: db.internal' }],
    'targets.yaml:{tls: disable}: target "orders" disables TLS for host "db.internal"',
  ],
  [
    'database under two names',
    [{ file: 'targets.yaml', from: 'orders_staging', to: 'orders' }],
    'targets.yaml:{database: orders#2}: target "orders-staging" names the database 127.0.0.1:5432/orders of target "orders"',
  ],
  [
    'Vault role of another target',
    [{ file: 'targets.yaml', from: 'orders-staging-execute', to: 'orders-execute' }],
    'targets.yaml:{executeRole: orders-execute#2}: target "orders-staging" names the Vault role database/orders-execute of target "orders"',
  ],
  [
    'Vault target whose patterns a token role fits',
    [{ file: 'targets.yaml', from: null, to: VAULT_TARGET }],
    'targets.yaml:{policies: [orders-s}: target "vault" lists a pattern that "orders-staging-preview" fits',
  ],
  [
    'target twice',
    [{ file: 'targets.yaml', from: 'name: orders-staging', to: 'name: orders' }],
    'targets.yaml:{name: orders#2}: target "orders" is listed twice',
  ],
  [
    'no such time zone',
    [{ file: 'targets.yaml', from: 'Europe/Berlin', to: 'Europe/Atlantis' }],
    'targets.yaml:{Europe/Atlantis}: target "orders": "Europe/Atlantis" is not an IANA time zone',
  ],
  [
    'no business hour',
    [{ file: 'targets.yaml', from: 'from: 7, to: 20', to: 'from: 7, to: 7' }],
    'targets.yaml:{to: 7}: target "orders": business hours from 7 to 7',
  ],
  [
    'function without schema',
    [{ file: 'targets.yaml', from: 'allowedFunctions: []', to: 'allowedFunctions: [mask]' }],
    'targets.yaml:{[mask]}: target "orders": "mask" must be schema.function',
  ],
  [
    'owner whom nobody knows',
    [{ file: 'targets.yaml', from: 'owners: [carol]', to: 'owners: [karol]' }],
    'targets.yaml:{[karol]}: target "orders" is owned by "karol", who is not among the people; the directory has "carol"',
  ],
  [
    'path in a Vault name',
    [{ file: 'targets.yaml', from: 'mount: database', to: 'mount: ../sys' }],
    'targets.yaml:{../sys}: targets.0.vault.mount: ',
  ],
];

describe('a fault in another part of the bundle', () => {
  test.each<[string, Edit[], string]>(OTHER_FAULTS)('%s', async (_, edits, expected) => {
    const folder = await editedBundle(edits);
    const problems = await problemsOf(folder);
    const start = await withLines(folder, expected);
    expect(problems).toContainEqual(expect.stringMatching(startsWith(start)));
  });
});
