import { describe, test } from 'vitest';
import { editedBundle, expectFault, type Edit } from './bundle-folders.js';

const EXPORTS = 'database-export.cedar';

const permit = (annotations: string, rest = 'action == Action::"database.export", resource'): string =>
  `${annotations}\npermit (principal, ${rest});\n`;
const add = (text: string): Edit[] => [{ file: 'extra.cedar', from: null, to: `// first line\n${text}` }];
const inExports = (from: string, to: string): Edit[] => [{ file: EXPORTS, from, to }];
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
    'a group that is escalated to twice',
    inExports('@escalate("10m:dba-lead, 30m:security-oncall")', '@escalate("10m:dba-lead, 30m:dba-lead")'),
    'database-export.cedar:{@escalate("10m}: @escalate names group "dba-lead" twice: the earlier time is enough',
  ],
  [
    'an expiry that is no duration',
    inExports('@expire("8h")', '@expire("8 hours")'),
    'database-export.cedar:{@expire("8 hours")}: @expire is "8 hours"; write a duration such as 30s, 5m, 2h or 7d',
  ],
  [
    'a lease that is no duration',
    inExports('@lease("2m")', '@lease("120")'),
    'database-export.cedar:{@lease("120")}: @lease is "120"; write a duration such as 30s, 5m, 2h or 7d',
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
    await expectFault(await editedBundle(edits), expected);
  });
});
