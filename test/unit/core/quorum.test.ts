import { describe, expect, test } from 'vitest';
import { countQuorum, type Approval, type QuorumState } from '../../../src/core/quorum.js';
import type { ReviewPlan } from '../../../src/core/schemas/action.js';
import { seeded, shuffled } from './seeded.js';

/** `dba:2 & owner:1` as a plan; everything else does not count. */
function plan(stages: string): ReviewPlan {
  return {
    stages: stages
      .split(' & ')
      .filter((stage) => stage !== '')
      .map((stage) => {
        const [group = '', quorum = ''] = stage.split(':');
        return { group, quorum: Number(quorum) };
      }),
    escalations: [],
    remindAfterMs: null,
    expireAfterMs: 1,
    leaseTtlSeconds: 10,
    assurance: 'any',
    policies: [],
  };
}

/** `ana=dba,owner ben=dba` as approvals. */
function approvals(text: string): Approval[] {
  return text
    .split(' ')
    .filter((one) => one !== '')
    .map((one) => {
      const [person = '', groups = ''] = one.split('=');
      return { person, groups: groups.split(',') };
    });
}

const openOf = ({ open }: QuorumState): string =>
  open.map(({ group, places }) => `${group}:${String(places)}`).join(' ');

describe('a quorum', () => {
  test.each([
    ['nothing demanded', '', '', '', ''],
    ['nobody', 'dba:1', '', '', 'dba:1'],
    ['one of one', 'dba:1', 'ana=dba', '', ''],
    ['a person of no group that counts', 'dba:1', 'ana=web', '', 'dba:1'],
    ['one of two', 'dba:2', 'ana=dba', '', 'dba:1'],
    ['one person twice', 'dba:2', 'ana=dba ana=dba', '', 'dba:1'],
    ['one person in both groups', 'dba:1 & owner:1', 'ana=dba,owner', '', 'owner:1'],
    ['one person whose groups came apart', 'dba:1 & owner:1', 'ana=dba ana=owner', '', 'owner:1'],
    ['two people, one in both groups', 'dba:1 & owner:1', 'ana=dba,owner ben=dba', '', ''],
    ['people who have to change places twice', 'a:1 & b:1 & c:1', 'ana=a,b ben=b,c dan=a', '', ''],
    ['more people than places', 'dba:1', 'ana=dba ben=dba eve=web', '', ''],
    ['a group escalated to', 'dba:1', 'eve=oncall', 'oncall', ''],
    ['a group not escalated to', 'dba:1', 'eve=oncall', 'lead', 'dba:1'],
    ['one person of an escalated group for two places', 'dba:1 & owner:1', 'eve=oncall', 'oncall', 'owner:1'],
    ['a member and an escalated one', 'dba:1 & owner:1', 'eve=oncall ana=owner', 'oncall', ''],
    ['two stages of the same group', 'dba:1 & dba:1', 'ana=dba', '', 'dba:1'],
  ])('with %s', (_, stages, given, escalated, open) => {
    const counted = countQuorum(plan(stages), approvals(given), escalated === '' ? [] : [escalated]);
    expect(openOf(counted)).toBe(open);
    expect(counted.filled).toBe(open === '');
  });
});

interface Scene {
  plan: ReviewPlan;
  approvals: Approval[];
  escalated: string[];
}

const GROUPS = ['a', 'b', 'c', 'd', 'e'];

function drawScene(random: () => number): Scene {
  const draw = (below: number): number => Math.floor(random() * below);
  const some = (chance: number): string[] => GROUPS.filter(() => random() < chance);
  const stages = Array.from({ length: 1 + draw(3) }, () => `${GROUPS[draw(4)] ?? 'a'}:${String(1 + draw(2))}`);
  // More approvals than people: some come twice, with other groups.
  const given = Array.from({ length: draw(7) }, () => ({ person: `p${String(draw(5))}`, groups: some(0.35) }));
  return { plan: plan(stages.join(' & ')), approvals: given, escalated: some(0.1) };
}

/** The least number of places that stay open, by trying every way to seat people. */
function leastOpen(scene: Scene): number {
  const places = scene.plan.stages.flatMap(({ group, quorum }) => Array.from({ length: quorum }, () => group));
  const groupsOf = new Map<string, Set<string>>();
  for (const { person, groups } of scene.approvals)
    groupsOf.set(person, new Set([...(groupsOf.get(person) ?? []), ...groups]));
  const seat = (at: number, free: ReadonlySet<string>): number => {
    const group = places[at];
    if (group === undefined) return 0;
    let least = 1 + seat(at + 1, free);
    for (const person of free) {
      const groups = groupsOf.get(person);
      if (groups?.has(group) !== true && !scene.escalated.some((escalated) => groups?.has(escalated))) continue;
      least = Math.min(least, seat(at + 1, new Set([...free].filter((other) => other !== person))));
    }
    return least;
  };
  return seat(0, new Set(groupsOf.keys()));
}

const placesOpen = ({ open }: QuorumState): number => open.reduce((sum, { places }) => sum + places, 0);

describe.each([1, 2, 3, 4])('any quorum (seed %i)', (seed) => {
  const random = seeded(seed);
  const scenes = Array.from({ length: 500 }, () => drawScene(random));

  test('is filled as far as people can be seated at all', () => {
    for (const scene of scenes) {
      const counted = countQuorum(scene.plan, scene.approvals, scene.escalated);
      expect([placesOpen(counted), counted.filled], JSON.stringify(scene)).toEqual([
        leastOpen(scene),
        leastOpen(scene) === 0,
      ]);
    }
  });

  test('does not depend on who came first, down to which places stay open', () => {
    for (const scene of scenes) {
      const counted = countQuorum(scene.plan, scene.approvals, scene.escalated);
      for (let time = 0; time < 3; time += 1) {
        const reordered = countQuorum(scene.plan, shuffled(scene.approvals, random), scene.escalated);
        expect(reordered, JSON.stringify(scene)).toEqual(counted);
      }
    }
  });

  test('never gets further from being filled by one more approval or escalation', () => {
    for (const { plan: demanded, approvals: given, escalated } of scenes) {
      const before = placesOpen(countQuorum(demanded, given.slice(0, -1), escalated.slice(0, -1)));
      expect(placesOpen(countQuorum(demanded, given, escalated))).toBeLessThanOrEqual(before);
    }
  });
});
