import { describe, expect, test } from 'vitest';
import type { FreezeScope } from '../../../src/core/schemas/statements.js';
import type { Policy } from '../../../src/policy/policy.js';
import { loadPolicy } from '../enforcement/evidence.js';
import { editedBundle, EXAMPLE } from '../policy/bundle-folders.js';
import { freezingOver } from './freezing-record.js';

const LEADS = 'incident-lead: [dave, erin, fay]';
const example = await loadPolicy(EXAMPLE);
const withUnfreezers = async (people: string): Promise<Policy> =>
  loadPolicy(await editedBundle([{ file: 'directory.yaml', from: LEADS, to: `incident-lead: [${people}]` }]));
const ownerInGroup = await withUnfreezers('erin, fay, olivia-admin, paul');
const aliasesInGroup = await withUnfreezers('fay, ines, olivia, olivia-admin');

const apart = await loadPolicy(
  await editedBundle([
    { file: 'directory.yaml', from: '    aliases: [olivia-admin]\n', to: '' },
    { file: 'directory.yaml', from: LEADS, to: 'incident-lead: [erin, fay, olivia, olivia-admin]' },
  ]),
);

const AGENT = { kind: 'agent', agent: 'export-bot' } as const;
const OPERATION = { kind: 'operation', operation: 'database.export' } as const;
const ALL = { kind: 'all' } as const;

describe('freezing', () => {
  test.each<[string, string, FreezeScope]>([
    ['a reviewer', 'carol', AGENT],
    ['somebody to whom a review escalates', 'dave', OPERATION],
    ['somebody who may unfreeze', 'fay', ALL],
    ['the owner, who is an approver elsewhere, by an alias', 'olivia', AGENT],
  ])('by %s is stated once, however often they press', async (_who, id, scope) => {
    const { freeze, recorded, list } = freezingOver(example);
    const [first, again] = await Promise.all([freeze(id, scope), freeze(id, scope)]);
    expect(again.digest).toBe(first.digest);
    expect((await freeze(id, scope)).digest).toBe(first.digest);
    expect(recorded).toHaveLength(1);
    expect(recorded[0]).toMatchObject({
      kind: 'freeze',
      actionId: null,
      body: { because: 'person', scope, by: { person: id } },
    });
    expect(await list()).toMatchObject([{ scope, by: id, reason: 'It leaks.', missing: 2, lifts: [] }]);
  });

  test.each<[string, string, FreezeScope, string, string]>([
    ['somebody whom policy asks nothing', 'paul', AGENT, 'x', 'not_an_approver person/paul'],
    ['an approver without a reason', 'ben', AGENT, '\u0000 ', 'reason_missing person/ben'],
    [
      'an approver, of an agent that is not there',
      'ben',
      { kind: 'agent', agent: 'exportbot' },
      'x',
      'agent_unknown person/ben',
    ],
    [
      'an approver, of an operation that is not there',
      'ben',
      { kind: 'operation', operation: 'export' },
      'x',
      'operation_unknown person/ben',
    ],
  ])('by %s is refused, on record', async (_who, id, scope, reason, expected) => {
    const { freeze, recorded, refused } = freezingOver(example);
    await expect(freeze(id, scope, reason)).rejects.toMatchObject({ code: expected.split(' ')[0] });
    expect([refused, recorded]).toEqual([[expected], []]);
  });
});

// Once another account was one human's alias, and is no longer, that human's freezes are fewer than they were.
test('what was frozen and lifted before never stands for a new freeze', async () => {
  const before = freezingOver(apart);
  const liftAll = async ({ unfreeze }: typeof before): Promise<void> => {
    for (const id of ['erin', 'fay']) await unfreeze(id, ALL);
  };
  await before.freeze('olivia-admin', ALL);
  await liftAll(before);
  const joined = freezingOver(aliasesInGroup, before.recorded);
  await joined.freeze('olivia', ALL);
  await liftAll(freezingOver(apart, before.recorded));
  const { digest } = await before.freeze('olivia', ALL);
  expect(await before.list()).toMatchObject([{ digest, by: 'olivia', missing: 2 }]);
});

describe('lifting what a person froze', () => {
  test.each([[AGENT], [OPERATION], [ALL]])('takes two different people: %o', async (scope) => {
    const { freeze, unfreeze, list, recorded } = freezingOver(example);
    const { digest } = await freeze('erin', scope);
    // Who froze it may be one of the two.
    expect(await unfreeze('erin', scope)).toEqual({ scope, lifted: [], waiting: [{ freeze: digest, missing: 1 }] });
    expect(await unfreeze('erin', scope)).toEqual({ scope, lifted: [], waiting: [{ freeze: digest, missing: 1 }] });
    expect(recorded).toHaveLength(2);
    expect(await list()).toMatchObject([{ missing: 1, lifts: [{ person: 'erin' }] }]);
    expect(await unfreeze('fay', scope)).toEqual({ scope, lifted: [{ freeze: digest, actionId: null }], waiting: [] });
    expect(await list()).toEqual([]);
    // It is a new freeze: what was said of the old one lifts nothing of it.
    const { digest: next } = await freeze('erin', scope);
    expect(next).not.toBe(digest);
    expect(await list()).toMatchObject([{ digest: next, missing: 2 }]);
  });

  test('that two froze takes two people for each; the scope beside it stays frozen', async () => {
    const { freeze, unfreeze, list } = freezingOver(example);
    await freeze('ben', AGENT);
    await freeze('carol', AGENT);
    await freeze('ben', ALL);
    expect((await unfreeze('erin', AGENT)).waiting).toHaveLength(2);
    expect((await unfreeze('fay', AGENT)).lifted).toHaveLength(2);
    expect(await list()).toMatchObject([{ scope: ALL, missing: 2 }]);
  });

  test('by one human under two names is one', async () => {
    const { freeze, unfreeze } = freezingOver(aliasesInGroup);
    await freeze('fay', ALL);
    expect((await unfreeze('olivia', ALL)).waiting).toMatchObject([{ missing: 1 }]);
    expect((await unfreeze('olivia-admin', ALL)).waiting).toMatchObject([{ missing: 1 }]);
  });

  test.each<[string, Policy, string, FreezeScope, string]>([
    ['who froze it, and is not in the group', example, 'carol', AGENT, 'not_an_approver'],
    ['the agent’s owner by an alias', ownerInGroup, 'olivia-admin', AGENT, 'self_approval'],
    ['a prompter of the agent', ownerInGroup, 'paul', AGENT, 'self_approval'],
    ['an approver who is not in the group', example, 'ben', ALL, 'not_an_approver'],
  ])('by %s is refused', async (_who, policy, id, scope, code) => {
    const { freeze, unfreeze, recorded } = freezingOver(policy);
    await freeze('carol', scope);
    await expect(unfreeze(id, scope)).rejects.toMatchObject({ code });
    expect(recorded).toHaveLength(1);
  });
});
