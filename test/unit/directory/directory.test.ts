import { describe, expect, test } from 'vitest';
import type { Directory, Provenance } from '../../../src/directory/directory.js';
import { loadDirectory } from '../../../src/directory/load-directory.js';
import { formatProblem } from '../../../src/directory/yaml-source.js';

const KEY_A = 'MfXQlNKJzVZnPZqZ/Wq0hHMpW1LLud7W4+4IG2DOH34=';
const KEY_B = '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=';

const DIRECTORY = `people:
  - { id: ann, name: Ann, email: ann@example.com, oidcSubject: ann, slack: { teamId: T1, userId: U1 } }
  - { id: bob, name: Bob, email: bob@example.com, oidcSubject: bob }
  - { id: ann-root, name: Ann, email: ann-root@example.com, oidcSubject: ann-root, aliases: [zoe] }
  - { id: zoe, name: Zoe, email: zoe@example.com, oidcSubject: zoe, aliases: [ann] }
groups:
  dba: [ann, bob, ann-root]
  lead: [zoe]
  empty: []
agents:
  - { id: bot, name: Bot, owner: ann-root, prompters: [bob], groups: [bots], publicKey: ${KEY_A} }
  - { id: cat, name: Cat, owner: bob, prompters: [bob, zoe], groups: [], publicKey: ${KEY_B} }
  - { id: dog, name: Dog, owner: bob, prompters: [bob, zoe], groups: [], jwt: { issuer: cluster, subject: 'spiffe://x/dog' } }
`;

function load(text: string): Directory {
  const loaded = loadDirectory({ path: 'directory.yaml', text });
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.value;
}

describe('a directory', () => {
  const directory = load(DIRECTORY);

  test.each([
    ['ann', 'ann'],
    ['ann-root', 'ann'],
    ['zoe', 'ann'],
    ['bob', 'bob'],
    ['stranger', 'stranger'],
  ])('names the human behind %s as %s, through aliases of aliases in either direction', (id, human) => {
    expect(directory.canonical(id)).toBe(human);
  });

  test('counts a human once per group, and gives them the groups of all their aliases', () => {
    expect(directory.membersOf('dba')).toEqual(['ann', 'bob']);
    expect(directory.groupsOf('zoe')).toEqual(['dba', 'lead']);
    expect(directory.groupsOf('stranger')).toEqual([]);
    expect(directory.membersOf('nothing')).toEqual([]);
  });

  test.each<[string, string, string | null, boolean]>([
    ['a member, of everything', 'bob', null, true],
    ['a member by an alias, of everything', 'zoe', null, true],
    ['a stranger', 'stranger', null, false],
    ['the agent’s owner, by another entry', 'zoe', 'bot', false],
    ['a prompter of the agent', 'bob', 'bot', false],
    ['who neither owns nor prompts the agent', 'ann', 'owl', true],
    ['a member, of an agent that is not listed', 'ann', 'ghost', false],
  ])('lets unfreeze: %s', (_who, person, agent, may) => {
    const owl =
      "  - { id: owl, name: Owl, owner: bob, prompters: [], groups: [], jwt: { issuer: cluster, subject: 'owl' } }";
    expect(load(`${DIRECTORY}${owl}\nunfreeze: dba\n`).mayUnfreeze(person, agent)).toBe(may);
    expect(directory.mayUnfreeze(person, agent)).toBe(false);
  });

  test('tells an empty group from an unknown one', () => {
    expect(directory.hasGroup('empty')).toBe(true);
    expect(directory.hasGroup('constructor')).toBe(false);
  });

  test('finds people by exact identity only', () => {
    expect(directory.personByOidcSubject('ann')?.id).toBe('ann');
    expect(directory.personByOidcSubject('Ann')).toBeUndefined();
    expect(directory.personBySlack('T1', 'U1')?.id).toBe('ann');
    expect(directory.personBySlack('T2', 'U1')).toBeUndefined();
  });

  test.each([
    [
      'bot',
      [
        { person: 'ann', because: 'alias of ann-root, who owns agent bot' },
        { person: 'bob', because: 'may prompt agent bot' },
      ],
    ],
    [
      'cat',
      [
        { person: 'ann', because: 'alias of zoe, who may prompt agent cat' },
        { person: 'bob', because: 'owns and may prompt agent cat' },
      ],
    ],
  ])('bars from %s its owner, prompters and the humans behind them', (agent, barred) => {
    expect(directory.barredFor(agent)).toEqual(barred);
  });

  const alone = 'owns agent cat';
  test.each<[string, Provenance, [string, string][]]>([
    [
      'the one who prompted, beside the owner',
      { prompters: ['ann'], schedulers: [] },
      [
        ['ann', 'prompted this action'],
        ['bob', alone],
      ],
    ],
    [
      'the owner who prompted',
      { prompters: ['bob'], schedulers: [] },
      [['bob', 'owns agent cat and prompted this action']],
    ],
    [
      'who scheduled it too',
      { prompters: ['bob'], schedulers: ['ann'] },
      [
        ['ann', 'scheduled this action'],
        ['bob', 'owns agent cat and prompted this action'],
      ],
    ],
    [
      'everyone when only the scheduler is proven',
      { prompters: [], schedulers: ['ann'] },
      [
        ['ann', 'scheduled this action'],
        ['bob', 'owns and may prompt agent cat'],
      ],
    ],
    [
      'everyone when a prompter is not listed',
      { prompters: ['bob', 'stranger'], schedulers: [] },
      [
        ['ann', 'alias of zoe, who may prompt agent cat'],
        ['bob', 'owns and may prompt agent cat and prompted this action'],
        ['stranger', 'prompted this action'],
      ],
    ],
  ])('with verified tokens bars %s', (_, provenance, barred) => {
    expect(directory.barredFor('cat', provenance)).toEqual(barred.map(([person, because]) => ({ person, because })));
  });

  test('knows by any account who may prompt an agent', () => {
    const may = (person: string): boolean => directory.mayPrompt('cat', person);
    expect(['bob', 'zoe', 'ann', 'ann-root', 'stranger'].map(may)).toEqual([true, true, true, true, false]);
    expect(directory.mayPrompt('ghost', 'bob')).toBe(false);
  });

  test('finds an agent without a key by issuer and exact subject only', () => {
    expect(directory.agentByToken('cluster', 'spiffe://x/dog')?.id).toBe('dog');
    expect(directory.agentByToken('cluster', 'spiffe://X/dog')).toBeUndefined();
    expect(directory.agentByToken('other', 'spiffe://x/dog')).toBeUndefined();
    expect(['dog', 'cat', 'ghost'].map((id) => directory.signsByIntake(id))).toEqual([true, false, false]);
    expect(directory.agentKey('dog')).toBeUndefined();
  });

  test('refuses to say who is barred from an unknown agent', () => {
    expect(() => directory.barredFor('ghost')).toThrow(expect.objectContaining({ code: 'agent_unknown' }));
  });

  test('keeps the reason short enough for a signed plan, whatever the names', () => {
    const long = (letter: string): string => letter.repeat(63);
    const text = DIRECTORY.replaceAll('ann-root', long('x')).replaceAll('id: bot', `id: ${long('b')}`);
    const because = load(text.replace('prompters: [bob]', `prompters: [bob, ${long('x')}]`)).barredFor(long('b'));
    expect(because[0]?.because).toMatch(/^alias of x+, who owns and may prompt agent b+$/);
    expect(because.every((entry) => entry.because.length <= 200)).toBe(true);
  });

  test('names agent keys by agent', () => {
    expect(directory.agentKey('bot')).toEqual({ keyid: 'agent/bot', publicKey: KEY_A });
    expect(directory.agentKey('ghost')).toBeUndefined();
  });
});

const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(KEY_A, 'base64')]);
const FAULTS: [string, string, string, number, string][] = [
  [
    'unknown member',
    'lead: [zoe]',
    'lead: [zoo]',
    8,
    'group "lead" lists "zoo", who is not among the people; the directory has "zoe"',
  ],
  ['group in a group', 'lead: [zoe]', 'lead: [dba]', 8, 'which is a group: groups list people only'],
  ['member twice', 'lead: [zoe]', 'lead: [zoe, zoe]', 8, 'lists "zoe" twice'],
  [
    'alias to nobody',
    'aliases: [zoe]',
    'aliases: [zoo]',
    4,
    '"ann-root" has the alias "zoo", who is not among the people',
  ],
  ['alias to oneself', 'aliases: [ann]', 'aliases: [zoe]', 5, 'alias of itself'],
  ['person twice', 'id: bob', 'id: ann', 3, 'person "ann" is listed twice'],
  ['subject twice', 'oidcSubject: bob', 'oidcSubject: ann', 3, 'OIDC subject "ann" of "bob" already belongs to "ann"'],
  [
    'Slack user twice',
    'oidcSubject: bob',
    'oidcSubject: bob, slack: { teamId: T1, userId: U1 }',
    3,
    'Slack identity of "bob" already belongs to "ann"',
  ],
  ['mailbox twice', 'bob@example.com', 'ANN@example.com', 3, 'list the other under its aliases'],
  ['neither key nor token', `, publicKey: ${KEY_B}`, '', 12, 'agent "cat" has neither a publicKey nor a jwt'],
  [
    'key and token',
    `publicKey: ${KEY_B}`,
    `publicKey: ${KEY_B}, jwt: { issuer: cluster, subject: cat }`,
    12,
    'agent "cat" has both a publicKey and a jwt',
  ],
  [
    'token identity twice, for another audience',
    `publicKey: ${KEY_B}`,
    "jwt: { issuer: cluster, subject: 'spiffe://x/dog', audience: other }",
    13,
    'agent "dog" has the token identity of "cat"',
  ],
  ['agent twice', 'id: cat', 'id: bot', 12, 'agent "bot" is listed twice'],
  ['key twice', KEY_B, KEY_A, 12, 'agent "cat" has the public key of "bot"'],
  [
    'unknown owner',
    'owner: ann-root',
    'owner: an',
    11,
    'agent "bot" is owned by "an", who is not among the people; the directory has "ann"',
  ],
  ['unknown prompter', 'prompters: [bob]', 'prompters: [bob, rob]', 11, 'agent "bot" is prompted by "rob"'],
  ['short key', KEY_A, 'AAAA', 11, 'has 3 bytes; an Ed25519 public key has 32'],
  ['SPKI key', KEY_A, spki.toString('base64'), 11, 'has 44 bytes'],
  ['small-order key', KEY_A, Buffer.alloc(32).toString('base64'), 11, 'not a valid Ed25519 key'],
  ['unknown field', 'name: Bob', 'name: Bob, nick: B', 3, 'people.1.nick: is not a known field'],
  ['missing field', 'name: Bob, ', '', 3, 'people.1.name: '],
  ['repeated YAML key', 'lead: [zoe]', 'dba: [zoe]', 8, 'not valid YAML'],
  [
    'unfreeze by an unknown group',
    'agents:',
    'unfreeze: leads\nagents:',
    10,
    'unfreeze names group "leads"; the directory has "lead"',
  ],
  ['unfreeze by nobody', 'agents:', 'unfreeze: empty\nagents:', 10, 'unfreeze names group "empty", which holds nobody'],
  ['unfreeze by one', 'agents:', 'unfreeze: lead\nagents:', 10, 'unfreeze names group "lead", which holds 1 person'],
  ['broken YAML', 'lead: [zoe]', 'lead: [zoe', 9, 'not valid YAML'],
];

describe('a directory with a fault does not load, and the line is named', () => {
  test.each(FAULTS)('%s', (_, from, to, line, message) => {
    expect(DIRECTORY).toContain(from);
    const loaded = loadDirectory({ path: 'policies/directory.yaml', text: DIRECTORY.replace(from, to) });
    const problems = loaded.ok ? [] : loaded.problems.map(formatProblem);
    expect(problems[0]).toContain(message);
    expect(problems[0]).toMatch(new RegExp(`^policies/directory\\.yaml:${String(line)}: `));
  });

  test('an anchor repeated without end is refused, not expanded', () => {
    const bomb = [
      'a: &a [x, x]',
      ...['b', 'c', 'd', 'e', 'f', 'g'].map(
        (name, index) => `${name}: &${name} [${`*${'abcdefg'.charAt(index)}, `.repeat(9)}x]`,
      ),
    ];
    const loaded = loadDirectory({ path: 'directory.yaml', text: bomb.join('\n') });
    expect(loaded.ok ? [] : loaded.problems.map((problem) => problem.message)).toEqual([
      expect.stringContaining('not valid YAML'),
    ]);
  });

  test('every fault is listed, not only the first', () => {
    const text = DIRECTORY.replace('lead: [zoe]', 'lead: [zoo]').replace('owner: bob', 'owner: rob');
    const loaded = loadDirectory({ path: 'directory.yaml', text });
    expect(loaded.ok ? [] : loaded.problems.map((problem) => problem.at)).toEqual([
      'directory.yaml:8',
      'directory.yaml:12',
    ]);
  });
});
