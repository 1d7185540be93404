import { describe, expect, test } from 'vitest';
import { liftersMissing } from '../../../src/record/freezes.js';
import type { AnyRecorded, Recorded } from '../../../src/record/record.js';

const [ACTION, OTHER] = ['01K9ZZZZZZ0000000000000001', '01K9ZZZZZZ0000000000000002'];

function freeze(actionId: string | null): Recorded<'freeze'> {
  const body =
    actionId === null
      ? { because: 'person', scope: { kind: 'agent', agent: 'a' } }
      : { because: 'effect_mismatch', agent: 'a' };
  return { kind: 'freeze', digest: 'f', actionId, body } as unknown as Recorded<'freeze'>;
}

function lift(actionId: string | null, agent: string | undefined, person = 'erin'): AnyRecorded {
  return { kind: 'unfreeze', actionId, body: { agent, freeze: 'f', by: { person } } } as unknown as AnyRecorded;
}

describe('what lifts a freeze', () => {
  test.each<[string, string | null, AnyRecorded[], number]>([
    ['the executor’s: one, under its action and about its agent', ACTION, [lift(ACTION, 'a')], 0],
    ['the executor’s: not under another action', ACTION, [lift(OTHER, 'a')], 1],
    ['the executor’s: not about no action', ACTION, [lift(null, 'a')], 1],
    ['the executor’s: not about another agent', ACTION, [lift(ACTION, 'b')], 1],
    ['a person’s: two people', null, [lift(null, undefined), lift(null, undefined, 'fay')], 0],
    ['a person’s: not one', null, [lift(null, undefined), lift(null, undefined)], 1],
    ['a person’s: not under an action', null, [lift(ACTION, undefined), lift(OTHER, undefined, 'fay')], 2],
    ['a person’s: not about an agent', null, [lift(null, 'a'), lift(null, 'a', 'fay')], 2],
    ['the executor’s: not one whom the directory does not let', ACTION, [lift(ACTION, 'a', 'ben')], 1],
    ['a person’s: not two of whom it lets one', null, [lift(null, undefined), lift(null, undefined, 'ben')], 1],
  ])('%s', (_what, actionId, lifts, missing) => {
    const frozen = freeze(actionId);
    const people = { canonical: (person: string) => person, mayUnfreeze: (person: string) => person !== 'ben' };
    expect(liftersMissing(frozen, [frozen, ...lifts], people)).toBe(missing);
  });
});
