import { describe, expect, test } from 'vitest';
import type { ReviewPlan } from '../../../src/core/schemas/action.js';
import { createDirectory } from '../../../src/directory/create-directory.js';
import { fillableBy } from '../../../src/policy/fillable.js';

const person = (id: string, aliases: string[] = []) => ({
  id,
  name: id,
  email: `${id}@example.com`,
  oidcSubject: id,
  aliases,
});
const directory = createDirectory({
  people: [person('ann', ['ann-root']), person('ann-root'), person('ben'), person('cat'), person('dan')],
  groups: { dba: ['ann', 'ann-root', 'ben'], owner: ['ben', 'cat'], lead: ['dan'], going: ['ann', 'dan'], nobody: [] },
  agents: [],
  unfreeze: 'going',
});

function plan(stages: [string, number][], escalations: string[] = []): ReviewPlan {
  return {
    stages: stages.map(([group, quorum]) => ({ group, quorum })),
    escalations: escalations.map((group, index) => ({ group, afterMs: 60_000 * (index + 1) })),
    remindAfterMs: null,
    expireAfterMs: 3_600_000,
    leaseTtlSeconds: 60,
    assurance: 'any',
    policies: [],
  };
}

const OF_LEAD = { stages: [{ group: 'lead', quorum: 1 }], leaseTtlSeconds: 60, reviewWithinMs: 60_000 };
const GLASS = { stages: [{ group: 'owner', quorum: 2 }], leaseTtlSeconds: 60, reviewWithinMs: 60_000 };

describe('a plan', () => {
  test.each<[string, ReviewPlan, string[], ReturnType<typeof fillableBy>]>([
    ['without stages', plan([]), [], 'now'],
    ['of one group with enough people', plan([['dba', 2]]), [], 'now'],
    ['that counts aliases as people', plan([['dba', 3]]), [], 'never'],
    ['whose people are barred', plan([['dba', 1]]), ['ann', 'ben'], 'never'],
    ['of which one person is left', plan([['dba', 1]]), ['ann'], 'now'],
    [
      'that needs one person twice',
      plan([
        ['dba', 1],
        ['owner', 1],
      ]),
      ['ann', 'cat'],
      'never',
    ],
    [
      'that needs people to be seated well',
      plan([
        ['dba', 1],
        ['owner', 1],
      ]),
      ['ann'],
      'now',
    ],
    ['that only an escalation can fill', plan([['dba', 2]], ['lead']), ['ann'], 'after_escalation'],
    ['that even its escalations cannot fill', plan([['dba', 2]], ['lead', 'nobody']), ['ann', 'ben'], 'never'],
    ['whose escalation is of barred people', plan([['dba', 2]], ['lead']), ['ann', 'dan'], 'never'],
    ['that only a broken glass can fill', { ...plan([['nobody', 1]]), breakGlass: GLASS }, [], 'by_breaking_glass'],
    [
      'whose glass all of its reviewers must break, with others who may look',
      { ...plan([['owner', 3]]), breakGlass: GLASS },
      [],
      'by_breaking_glass',
    ],
    [
      'whose glass nobody could review but who broke it',
      { ...plan([['owner', 3]]), breakGlass: GLASS },
      ['dan', 'ann'],
      'never',
    ],
    [
      'whose glass only who may look afterwards could break',
      { ...plan([['nobody', 1]]), breakGlass: OF_LEAD },
      ['ann'],
      'never',
    ],
    [
      'whose glass one breaks and the other looks',
      { ...plan([['nobody', 1]]), breakGlass: OF_LEAD },
      [],
      'by_breaking_glass',
    ],
    ['whose glass needs more than are left', { ...plan([['nobody', 1]]), breakGlass: GLASS }, ['ben'], 'never'],
    ['that its stages fill, glass or not', { ...plan([['dba', 2]]), breakGlass: GLASS }, [], 'now'],
    ['of an empty group', plan([['nobody', 1]]), [], 'never'],
    ['of a group that the directory does not know', plan([['ghosts', 1]]), [], 'never'],
  ])('%s', (_, demanded, barred, expected) => {
    expect(fillableBy(demanded, barred, directory)).toBe(expected);
  });
});
