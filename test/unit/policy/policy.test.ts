import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Flag } from '../../../src/core/schemas/action.js';
import { bundleDigest } from '../../../src/policy/bundle-files.js';
import { loadBundle } from '../../../src/policy/load-bundle.js';
import type { Policy, PolicyQuestion } from '../../../src/policy/policy.js';
import { runPolicyTable } from '../../../src/policy/policy-table.js';
import { editedBundle, EXAMPLE } from './bundle-folders.js';

const TABLE = fileURLToPath(new URL('../../../policies/tests/example.yaml', import.meta.url));

async function load(folder: string): Promise<Policy> {
  return loadBundle(folder, { pinnedDigest: await bundleDigest(folder) });
}
const withPolicy = async (text: string): Promise<Policy> =>
  load(await editedBundle([{ file: 'extra.cedar', from: null, to: text }]));

const question: PolicyQuestion = {
  agent: 'export-bot',
  operation: 'database.export',
  target: { kind: 'postgres', name: 'orders', environment: 'production' },
  flags: [],
  nowMs: 0,
};
const flag = (code: string, severity: Flag['severity']): Flag => ({ code, severity, sentence: 'A finding.' });

const OTHER_KEY = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

const example = await load(EXAMPLE);
const exampleTable = { path: 'policies/tests/example.yaml', text: await readFile(TABLE, 'utf8') };

describe('the example bundle answers as its table says', () => {
  test.each(runPolicyTable(example, exampleTable))('$case: $name', ({ differences }) => {
    expect(differences).toEqual([]);
  });
});

describe('a policy table', () => {
  test('says at which line what differs', () => {
    const text = exampleTable.text.replace('review: dba:1,', 'review: dba:2,');
    const failed = runPolicyTable(example, { path: 'table.yaml', text }).filter(
      (result) => result.differences.length > 0,
    );
    expect(failed).toEqual([
      {
        case: 6,
        name: 'a high flag in staging brings in one person',
        at: expect.stringMatching(/^table\.yaml:\d+$/) as string,
        differences: ['review: expected "dba:2", was "dba:1"'],
      },
    ]);
  });

  test('fails a case that expects a refusal and is allowed', () => {
    const text = exampleTable.text.replace(
      'expect: { allowed: true, policies: [people-may-approve] }',
      'expect: { allowed: false }',
    );
    expect(runPolicyTable(example, { path: 'table.yaml', text }).flatMap((result) => result.differences)).toEqual([
      'expected refused, was allowed',
    ]);
  });

  test.each([
    ['numbers out of order', 'case: 3', 'case: 2', /case 2 does not come after/],
    ['an unknown field', 'ask: request', 'asks: request', /table\.yaml:\d+: /],
  ])('with %s is refused', (_, from, to, message) => {
    const run = (): unknown =>
      runPolicyTable(example, { path: 'table.yaml', text: exampleTable.text.replace(from, to) });
    expect(run).toThrow(message);
  });
});

describe('the review question', () => {
  test('joins all permits, wherever they stand: the first match does not win', async () => {
    const lax =
      '@id("aaa-lax") @review("none") @expire("7d") @lease("1d")\npermit (principal, action == Action::"database.export", resource);\n';
    for (const file of ['aaa.cedar', 'zzz.cedar']) {
      const policy = await load(await editedBundle([{ file, from: null, to: lax }]));
      expect(policy.review(question)).toMatchObject({
        allowed: true,
        plan: {
          stages: [{ group: 'dba', quorum: 1 }],
          expireAfterMs: 7_200_000,
          leaseTtlSeconds: 300,
          policies: ['aaa-lax', 'prod-export'],
        },
      });
    }
  });

  test('denies when a forbid cannot be evaluated, though Cedar itself would allow', async () => {
    const policy = await withPolicy(
      '@id("broken")\nforbid (principal, action == Action::"database.export", resource)\nwhen { context.severity * 9223372036854775807 < 0 };',
    );
    expect(policy.review({ ...question, flags: [flag('volume', 'info')] })).toMatchObject({ allowed: true });
    expect(policy.review({ ...question, flags: [flag('volume', 'high')] })).toMatchObject({
      allowed: false,
      code: 'policy_forbids',
      because: expect.stringMatching(/^Policy "broken" could not be evaluated .* nothing is allowed/) as string,
    });
  });

  test('denies when a permit cannot be evaluated, though another would allow', async () => {
    const policy = await withPolicy(
      '@id("broken") @review("none") @expire("1h") @lease("5m")\npermit (principal, action == Action::"database.export", resource)\nwhen { context.severity * 9223372036854775807 > 0 };',
    );
    expect(policy.review({ ...question, flags: [flag('volume', 'high')] })).toMatchObject({ allowed: false });
  });

  test('lets a forbid with a flag win over every permit', async () => {
    const policy = await withPolicy(
      '@id("no-where")\nforbid (principal, action == Action::"database.export", resource in Environment::"production")\nwhen { context.flags.contains("no_where") };',
    );
    expect(policy.review(question)).toMatchObject({ allowed: true });
    expect(policy.review({ ...question, flags: [flag('no_where', 'info')] })).toEqual({
      allowed: false,
      code: 'policy_forbids',
      because: 'Forbidden by "no-where".',
    });
  });

  test('takes a critical risk never without a person, whatever the bundle says', async () => {
    const file = 'database-export.cedar';
    const policy = await load(
      await editedBundle([
        { file, from: 'unless { context.severity >= 3 }', to: '' },
        { file, from: 'when { context.severity >= 3 }', to: 'when { context.severity > 4 }' },
      ]),
    );
    const staging = { ...question, target: { kind: 'postgres', name: 'orders-staging', environment: 'staging' } };
    expect(policy.review({ ...staging, flags: [flag('volume', 'high')] })).toMatchObject({ plan: { stages: [] } });
    expect(policy.review({ ...staging, flags: [flag('volume', 'critical')] })).toMatchObject({
      allowed: false,
      code: 'policy_forbids',
      because: expect.stringContaining('critical risk (volume)') as string,
    });
  });

  test('denies by default', async () => {
    const other = {
      file: 'directory.yaml',
      from: 'agents:\n',
      to: `agents:\n  - { id: other, name: Other, owner: ana, prompters: [], groups: [], publicKey: ${OTHER_KEY} }\n`,
    };
    const policy = await load(await editedBundle([other]));
    const refused = { allowed: false, code: 'policy_forbids', because: 'No policy permits it.' };
    expect(policy.mayRequest({ ...question, agent: 'other' })).toEqual(refused);
    expect(policy.review({ ...question, agent: 'other' })).toEqual(refused);
  });
});

describe('every question', () => {
  test.each<[string, Partial<PolicyQuestion>, string]>([
    ['agent', { agent: 'ghost' }, 'agent_unknown'],
    ['operation', { operation: 'approve:database.export' }, 'operation_unknown'],
    ['operation that is a group', { operation: 'request' }, 'operation_unknown'],
    ['target', { target: { kind: 'postgres', name: 'payroll', environment: 'production' } }, 'target_unknown'],
    [
      'environment of a known target',
      { target: { kind: 'postgres', name: 'orders', environment: 'staging' } },
      'target_unknown',
    ],
  ])('is denied for an unknown %s', (_, change, code) => {
    const asked = { ...question, ...change };
    expect(example.mayRequest(asked)).toMatchObject({ allowed: false, code });
    expect(example.review(asked)).toMatchObject({ allowed: false, code });
    expect(example.mayApprove({ ...asked, person: 'ben' })).toMatchObject({ allowed: false, code });
  });
});

describe('the approve question', () => {
  test('no policy can switch separation of duties off', async () => {
    const policy = await load(
      await editedBundle([
        {
          file: 'approvals.cedar',
          from: 'context.agent.owner == principal || context.agent.prompters.contains(principal)',
          to: 'context.severity > 4',
        },
      ]),
    );
    for (const person of ['olivia', 'olivia-admin', 'paul']) {
      expect(policy.mayApprove({ ...question, person })).toMatchObject({ allowed: false, code: 'self_approval' });
    }
    expect(policy.mayApprove({ ...question, person: 'ben' })).toMatchObject({ allowed: true });
  });

  test('bars the human behind an alias that owns the agent', async () => {
    const policy = await load(
      await editedBundle([
        {
          file: 'directory.yaml',
          from: 'owner: olivia\n    prompters: [olivia, paul]',
          to: 'owner: olivia-admin\n    prompters: [paul]',
        },
      ]),
    );
    expect(policy.mayApprove({ ...question, person: 'olivia' })).toEqual({
      allowed: false,
      code: 'self_approval',
      because: 'olivia may not decide on actions of export-bot: alias of olivia-admin, who owns agent export-bot.',
    });
  });

  test('a forbid on a group holds for every alias of its members', async () => {
    const folder = await editedBundle([
      {
        file: 'extra.cedar',
        from: null,
        to: '@id("no-leads")\nforbid (principal in Group::"dba-lead", action in Action::"approve", resource);',
      },
      { file: 'directory.yaml', from: 'id: ana\n', to: 'id: ana\n    aliases: [dave]\n' },
    ]);
    expect((await load(folder)).mayApprove({ ...question, person: 'ana' })).toMatchObject({
      allowed: false,
      code: 'not_an_approver',
      because: expect.stringContaining('Forbidden by "no-leads"') as string,
    });
  });
});

test('two bundles in one process keep to their own policies', async () => {
  const strict = await load(
    await editedBundle([
      { file: 'database-export.cedar', from: '@review("dba:1")\n@escalate', to: '@review("dba:2")\n@escalate' },
    ]),
  );
  const quorum = (policy: Policy): unknown => policy.review(question);
  expect(quorum(strict)).toMatchObject({ plan: { stages: [{ group: 'dba', quorum: 2 }] } });
  expect(quorum(example)).toMatchObject({ plan: { stages: [{ group: 'dba', quorum: 1 }] } });
});
