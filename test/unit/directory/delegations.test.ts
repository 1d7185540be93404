import { describe, expect, test } from 'vitest';
import type { Directory } from '../../../src/directory/directory.js';
import { loadDirectory } from '../../../src/directory/load-directory.js';
import { formatProblem } from '../../../src/directory/yaml-source.js';

const PEOPLE = `people:
  - { id: ann, name: Ann, email: ann@example.com, oidcSubject: ann }
  - { id: bob, name: Bob, email: bob@example.com, oidcSubject: bob }
  - { id: eve, name: Eve, email: eve@example.com, oidcSubject: eve }
  - { id: root, name: Ann, email: root@example.com, oidcSubject: root, aliases: [ann] }
groups:
  dba: [bob, root]
  lead: [bob]
agents: []
`;
const AT = '2026-11-23T02:00:00Z';
const load = (entry: string): ReturnType<typeof loadDirectory> =>
  loadDirectory({ path: 'directory.yaml', text: `${PEOPLE}delegations:\n  - { ${entry} }\n` });

function directoryAt(entries: string, barred: string[] = []): Directory {
  const loaded = load(entries);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.value.at(Date.parse(AT), barred);
}

const away = "begins: '2026-11-23T02:00:00Z', ends: '2026-11-24T02:00:00Z'";

describe('while somebody is away', () => {
  test.each([
    ['all their places are held by another', `from: bob, to: eve, ${away}`, [], ['ann', 'eve'], ['eve']],
    ['or those named', `from: bob, to: eve, groups: [lead], ${away}`, [], ['ann', 'bob'], ['eve']],
    ['an alias is the same human', `from: ann, to: eve, ${away}`, [], ['bob', 'eve'], ['bob']],
    ['who is there already counts once', `from: bob, to: ann, ${away}`, [], ['ann'], ['ann']],
    ['nothing comes of it where they may not decide', `from: bob, to: eve, ${away}`, ['bob'], ['ann'], []],
    [
      'but who stands in for another is none of theirs',
      `from: bob, to: eve, ${away}`,
      ['ann'],
      ['ann', 'eve'],
      ['eve'],
    ],
    [
      'what was given is not given on',
      `from: bob, to: eve, ${away} }\n  - { from: eve, to: ann, ${away}`,
      [],
      ['ann', 'eve'],
      ['eve'],
    ],
    [
      'one place to one, another to another',
      `from: bob, to: eve, groups: [dba], ${away} }\n  - { from: bob, to: ann, groups: [lead], ${away}`,
      [],
      ['ann', 'eve'],
      ['ann'],
    ],
    [
      'before it begins nothing changes',
      `from: bob, to: eve, begins: '2026-11-23T02:00:01Z', ends: '2026-11-24T02:00:00Z'`,
      [],
      ['ann', 'bob'],
      ['bob'],
    ],
    [
      'at its end it is over',
      `from: bob, to: eve, begins: '2026-11-22T02:00:00Z', ends: '2026-11-23T02:00:00Z'`,
      [],
      ['ann', 'bob'],
      ['bob'],
    ],
  ])('%s', (_, entries, barred, dba, lead) => {
    const directory = directoryAt(entries, barred);
    expect({ dba: directory.membersOf('dba'), lead: directory.membersOf('lead') }).toEqual({ dba, lead });
    for (const person of directory.membersOf('dba')) expect(directory.groupsOf(person)).toContain('dba');
  });

  test('the directory without a time says who is in the groups for good', () => {
    const loaded = load(`from: bob, to: eve, ${away}`);
    expect(loaded.ok && loaded.value.membersOf('lead')).toEqual(['bob']);
  });
});

describe('a delegation', () => {
  test.each([
    ['by a stranger', `from: bobb, to: eve, ${away}`, /:11: "bobb" is not among the people; .*"bob"/],
    ['to oneself', `from: ann, to: root, ${away}`, /:11: "root" is the same human as "ann"/],
    ['of what is not theirs', `from: ann, to: eve, groups: [lead], ${away}`, /:11: "ann" is not in group "lead"/],
    ['of an unknown group', `from: bob, to: eve, groups: [leads], ${away}`, /:11: group "leads" is unknown; .*"lead"/],
    [
      'of one place to two people',
      `from: bob, to: eve, groups: [dba], ${away} }\n  - { from: bob, to: ann, ${away}`,
      /:12: "bob" gives the same places to "eve" at that time/,
    ],
    ['that ends before it begins', `from: bob, to: eve, begins: '${AT}', ends: '${AT}'`, /:11: .*must end after/],
    ['for ever', `from: bob, to: eve, begins: '${AT}', ends: '2027-11-23T02:00:00Z'`, /:11: .*at most 90 days/],
    [
      'without a time zone',
      `from: bob, to: eve, begins: '2026-11-23T02:00', ends: '${AT}'`,
      /:11: delegations\.0\.begins/,
    ],
  ])('%s is refused with its line', (_, entry, message) => {
    const loaded = load(entry);
    expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([expect.stringMatching(message)]);
  });
});
