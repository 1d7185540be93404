import { describe, expect, test } from 'vitest';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import type { Policy } from '../../../src/policy/policy.js';
import {
  evidenceOf,
  freeze,
  honestFacts,
  loadPolicy,
  unfreeze as unfreezeBy,
  type Facts,
} from '../enforcement/evidence.js';
import { editedBundle, EXAMPLE, NOBODY_UNFREEZES } from '../policy/bundle-folders.js';
import { freezingOver } from './freezing-record.js';

const example = await loadPolicy(EXAMPLE);
const withEdit = async (from: string, to: string): Promise<Policy> =>
  loadPolicy(await editedBundle([{ file: 'directory.yaml', from, to }]));
const nobody = await loadPolicy(await editedBundle(NOBODY_UNFREEZES));
const ownerInGroup = await withEdit(
  'incident-lead: [dave, erin, fay]',
  'incident-lead: [erin, fay, olivia-admin, paul]',
);
const AGENT = { kind: 'agent', agent: 'export-bot' } as const;

/** An agent that two actions froze, and a record that notes what is appended. */
function frozen(policy: Policy, freezes = 2) {
  const facts: Facts = honestFacts(policy);
  for (let count = 0; count < freezes; count += 1) freeze(facts, { frozenAtMs: count });
  const { recorded, appended, refused, unfreeze } = freezingOver(policy, [...evidenceOf(facts).freezes]);
  return {
    ask: async (id: string, reason?: string) => unfreeze(id, AGENT, reason),
    recorded: [...recorded],
    appended,
    refused,
  };
}

describe('unfreezing an agent', () => {
  test('lifts each of its freezes by a statement that names it', async () => {
    const { ask, recorded, appended } = frozen(example);
    const { lifted } = await ask('erin', ' Looked at.\u0007 ');
    expect(lifted.map((one) => one.freeze)).toEqual(recorded.map(({ digest }) => digest));
    expect(appended.map(({ kind, actionId, key }) => [kind, actionId, key])).toEqual(
      recorded.map(({ actionId, digest }) => ['unfreeze', actionId, digest]),
    );
    expect(appended[0]?.body as StatementBody<'unfreeze'>).toEqual({
      agent: 'export-bot',
      freeze: recorded[0]?.digest,
      reason: 'Looked at.',
      by: { person: 'erin', group: 'incident-lead' },
      via: { channel: 'api', subject: 'erin' },
      unfrozenAtMs: 42,
    });
  });

  test('is not held up by what somebody said whom the directory does not let', async () => {
    const facts: Facts = honestFacts(example);
    unfreezeBy(facts, freeze(facts), { by: { person: 'ben', group: 'security' } });
    const { list, unfreeze } = freezingOver(example, [...evidenceOf(facts).freezes]);
    expect(await list()).toMatchObject([{ missing: 1, lifts: [{ person: 'ben' }] }]);
    await unfreeze('erin', AGENT);
    expect(await list()).toEqual([]);
  });

  test('that is not frozen changes nothing', async () => {
    const { ask, appended } = frozen(example, 0);
    expect(await ask('erin')).toEqual({ scope: AGENT, lifted: [], waiting: [] });
    expect(appended).toEqual([]);
  });

  test.each<[string, Policy, string, string, string]>([
    ['its owner', example, 'olivia', 'x', 'self_approval person/olivia'],
    ['its owner, who is in the group by an alias', ownerInGroup, 'olivia', 'x', 'self_approval person/olivia'],
    ['the alias itself', ownerInGroup, 'olivia-admin', 'x', 'self_approval person/olivia'],
    ['a prompter in the group', ownerInGroup, 'paul', 'x', 'self_approval person/paul'],
    ['somebody who is not in the group', example, 'ben', 'x', 'not_an_approver person/ben'],
    ['anybody, where the bundle names no group', nobody, 'erin', 'x', 'forbidden person/erin'],
    ['a member without a reason', example, 'erin', '\u0000 ', 'reason_missing person/erin'],
    ['a member with a book for a reason', example, 'erin', 'x'.repeat(2_001), 'field_invalid person/erin'],
  ])('by %s is refused, on record', async (_who, policy, personId, reason, expected) => {
    const { ask, appended, refused } = frozen(policy);
    await expect(ask(personId, reason)).rejects.toMatchObject({ code: expected.split(' ')[0] });
    expect(refused).toEqual([expected]);
    expect(appended).toEqual([]);
  });
});
