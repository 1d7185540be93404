import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import type { Directory } from '../../../src/directory/directory.js';
import { loadDirectory } from '../../../src/directory/load-directory.js';
import { createOnCall, type OnCallAnswer } from '../../../src/directory/oncall/on-call.js';
import type { OnCallAccess, ServiceAccess } from '../../../src/directory/oncall/source.js';
import { formatProblem } from '../../../src/directory/yaml-source.js';

const PEOPLE = `people:
  - { id: ann, name: Ann, email: ann@example.com, oidcSubject: ann, slack: { teamId: T1, userId: U1 } }
  - { id: bob, name: Bob, email: bob@example.com, oidcSubject: bob, slack: { teamId: T1, userId: U2 }, atlassianAccountId: '712020:bob-1' }
  - { id: eve, name: Eve, email: eve@example.com, oidcSubject: eve, slack: { teamId: T1, userId: U3 } }
  - { id: root, name: Ann, email: root@example.com, oidcSubject: root, aliases: [ann] }
groups:
  dba: [ann, bob, root]
  lead: [eve]
agents: []
`;

const load = (onCall: string): ReturnType<typeof loadDirectory> =>
  loadDirectory({ path: 'directory.yaml', text: `${PEOPLE}onCall:\n${onCall}\n` });

function directoryWith(onCall: string, more = ''): Directory {
  const loaded = load(`${onCall}\n${more}`);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
  return loaded.value;
}

const nowhere: OnCallAccess = { pagerduty: null, grafana: null, slack: null, jira: null };

/** What was said about sources that were passed over, by the last `ask`. */
let said: [group: string, answer: OnCallAnswer][] = [];
const onFaults = (group: string, answer: OnCallAnswer): void => void said.push([group, answer]);

function ask(onCall: string, at: string, access: Partial<OnCallAccess> = {}, more = ''): Promise<OnCallAnswer> {
  const directory = directoryWith(onCall, more);
  said = [];
  return createOnCall({
    directory: () => directory,
    access: { ...nowhere, ...access },
    onFaults,
    clock: () => Date.parse(at),
  }).of('dba');
}

const weekly = `  dba:
    - kind: rotation
      layers:
        - { people: [ann, bob], timeZone: Europe/Berlin, begins: '2026-03-23T09:00', every: 7d }`;
const nights = `${weekly}
        - { people: [bob], timeZone: America/New_York, begins: '2026-01-01T00:00', every: 1d,
            only: { days: [fri, sat], from: '22:00', to: '06:00' } }
      overrides:
        - { person: bob, from: '2026-03-24T00:00:00Z', until: '2026-03-25T00:00:00Z' }
        - { person: ann, from: '2026-03-24T12:00:00Z', until: '2026-03-24T13:00:00Z' }`;

describe('a rotation', () => {
  test.each([
    ['before it begins, nobody', weekly, '2026-03-23T07:59:00Z', []],
    ['from its first minute, the first', weekly, '2026-03-23T08:00:00Z', ['ann']],
    // Berlin's summer time began on the 29th: 09:00 there is 07:00Z, not 08:00Z.
    ['until the wall clock says so', weekly, '2026-03-30T06:59:00Z', ['ann']],
    ['hands over by the wall clock, in summer time too', weekly, '2026-03-30T07:00:00Z', ['bob']],
    ['comes round', weekly, '2026-04-06T07:00:00Z', ['ann']],
    ['an override goes before', nights, '2026-03-24T08:00:00Z', ['bob']],
    ['the later override goes before the earlier', nights, '2026-03-24T12:30:00Z', ['ann']],
    ['an override ends', nights, '2026-03-25T00:00:00Z', ['ann']],
    // Friday the 27th, 22:00 in New York is 02:00Z on the 28th.
    ['before its hours a layer does not count', nights, '2026-03-28T01:59:00Z', ['ann']],
    ['within its hours the later layer goes before', nights, '2026-03-28T02:00:00Z', ['bob']],
    ['the small hours belong to the evening before', nights, '2026-03-29T09:59:00Z', ['bob']],
    ['and end in the morning', nights, '2026-03-29T10:00:00Z', ['ann']],
    ['Sunday evening is none of its days', nights, '2026-03-30T03:00:00Z', ['ann']],
  ])('%s', async (_, onCall, at, people) => {
    expect((await ask(onCall, at)).people).toEqual(people);
  });
});

describe('the entry of a source', () => {
  const layer = (fields: string): string =>
    `  dba:\n    - kind: rotation\n      layers:\n        - { people: [ann], timeZone: UTC, begins: '2026-01-01T00:00', every: 7d, ${fields} }`;
  test.each([
    [
      'an unknown group',
      '  dbas:\n    - { kind: pagerduty, schedule: PI7DH85 }',
      /:11: onCall names group "dbas".*"dba"/,
    ],
    ['an unknown kind', '  dba:\n    - { kind: crystal-ball }', /:12: onCall\.dba\.0/],
    [
      'somebody of another group',
      layer('only: { from: "09:00", to: "17:00" }').replace('[ann]', '[eve]'),
      /:14: "eve" is not in this group/,
    ],
    ['a time zone that is none', layer('').replace('UTC', 'Mars/Olympus'), /:14: .*IANA time zone/],
    ['a day that is none', layer('').replace('01-01T', '13-01T'), /:14: .*not a date/],
    ['a period of nothing', layer('').replace('7d', '0d'), /:14: .*12h or 7d/],
    [
      'a schedule that is a path',
      '  dba:\n    - { kind: pagerduty, schedule: ../users }',
      /:12: .*id of a PagerDuty schedule/,
    ],
    [
      'a source too many fields',
      '  dba:\n    - { kind: pagerduty, schedule: PI7DH85, token: x }',
      /:12: .*token: is not a known field/,
    ],
  ])('with %s is refused with its line', (_, onCall, message) => {
    const loaded = load(onCall);
    expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([expect.stringMatching(message)]);
  });
});

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

interface Fake extends ServiceAccess {
  asked: IncomingMessage[];
}

async function serve(answer: (request: IncomingMessage) => { status?: number; body: unknown }): Promise<Fake> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    const { status = 200, body } = answer(request);
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {});
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { apiUrl: `http://127.0.0.1:${String(port)}`, token: new Secret('sesame-token'), asked };
}

const AT = '2026-11-23T02:00:00Z';
const sources = `  dba:
    - { kind: pagerduty, schedule: PI7DH85 }
    - { kind: grafana, schedule: SBM7DV7BKFUYU }
    - { kind: slack-usergroup, teamId: T1, usergroup: S1 }
    - kind: rotation
      layers:
        - { people: [bob], timeZone: UTC, begins: '2026-01-01T00:00', every: 7d }`;

describe('outside sources', () => {
  const oncalls = (...emails: string[]) => ({ body: { oncalls: emails.map((email) => ({ user: { email } })) } });

  test('PagerDuty is asked for the schedule, with its token, and mapped by e-mail to people of the group alone', async () => {
    const pagerduty = await serve(() => oncalls('Bob@Example.com', 'eve@example.com', 'stranger@example.com'));
    expect(await ask(sources, AT, { pagerduty })).toEqual({ people: ['bob'], source: 'pagerduty', faults: [] });
    const [request] = pagerduty.asked;
    expect(request?.url).toBe('/oncalls?schedule_ids%5B%5D=PI7DH85&include%5B%5D=users');
    expect(request?.headers).toMatchObject({
      authorization: 'Token token=sesame-token',
      accept: 'application/vnd.pagerduty+json;version=2',
    });
  });

  test('Grafana OnCall counts the shift that runs now, and aliases are one human', async () => {
    const shift = (user_email: string, shift_start: string, shift_end: string) => ({
      user_email,
      shift_start,
      shift_end,
    });
    const grafana = await serve(() => ({
      body: {
        results: [
          shift('bob@example.com', '2026-11-22T00:00:00Z', AT),
          shift('root@example.com', AT, '2026-11-23T10:00:00Z'),
        ],
      },
    }));
    const answer = await ask(sources, AT, { grafana });
    expect(answer).toMatchObject({ people: ['ann'], source: 'grafana' });
    expect(grafana.asked[0]?.url).toBe(
      '/api/v1/schedules/SBM7DV7BKFUYU/final_shifts?start_date=2026-11-22&end_date=2026-11-24',
    );
    expect(grafana.asked[0]?.headers.authorization).toBe('sesame-token');
  });

  describe('Jira Service Management', () => {
    const schedule = 'f8f2a4ec-54b2-4513-865b-8cb3b81c9544';
    const onJira = `  dba:\n    - { kind: jira, schedule: ${schedule} }`;
    const user = (id: string) => ({ id, type: 'user' });
    /** Strict: another path, or another login, is answered as Atlassian does. */
    const jira = (onCallParticipants: unknown) =>
      serve(({ method, url, headers }) => {
        if (headers.authorization !== `Basic ${Buffer.from('sesame-token').toString('base64')}`)
          return { status: 401, body: {} };
        const isAsked = method === 'GET' && url === `/v1/schedules/${schedule}/on-calls?flat=false`;
        return isAsked ? { body: { onCallParticipants } } : { status: 404, body: {} };
      });

    test('names accounts, of escalations too, and people of the group alone are called', async () => {
      const escalation = { id: 'e', type: 'escalation', onCallParticipants: [user('712020:bob-1')] };
      const access = { jira: await jira([{ id: 't', type: 'team' }, user('5b2b0e011b3a756623f4e25e'), escalation]) };
      expect(await ask(onJira, AT, access)).toEqual({ people: ['bob'], source: 'jira', faults: [] });
    });

    test.each([
      ['a team alone is nobody', [{ id: 't', type: 'team' }], 'jira names nobody of dba.'],
      ['what is not documented is a fault', 'everybody', 'answered something else than is documented.'],
    ])('%s', async (_name, answer, fault) => {
      const { people, faults } = await ask(onJira, AT, { jira: await jira(answer) });
      expect([people, faults]).toEqual([[], [expect.stringContaining(fault)]]);
    });

    test('an account that two people claim is nobody', async () => {
      const twice = { ...(await jira([user('712020:bob-1')])) };
      const loaded = loadDirectory({
        path: 'directory.yaml',
        text: `${PEOPLE.replace('oidcSubject: ann,', "oidcSubject: ann, atlassianAccountId: '712020:bob-1',")}onCall:\n${onJira}\n`,
      });
      if (!loaded.ok) throw new Error('the directory loads');
      const onCall = createOnCall({
        directory: () => loaded.value,
        access: { ...nowhere, jira: twice },
        onFaults,
        clock: () => Date.parse(AT),
      });
      expect((await onCall.of('dba')).people).toEqual([]);
    });
  });

  test("a Slack user group's users are mapped by their exact ids", async () => {
    const slack = await serve(() => ({ body: { ok: true, users: ['U2', 'U3', 'U999'] } }));
    expect(await ask(sources, AT, { slack })).toMatchObject({ people: ['bob'], source: 'slack-usergroup' });
    expect(slack.asked[0]?.url).toBe('/usergroups.users.list?usergroup=S1&team_id=T1');
  });

  test('one that names a stand-in is heard, one that names who is away is not', async () => {
    const pagerduty = await serve(() => ({ body: oncalls('bob@example.com', 'eve@example.com').body }));
    const away =
      "delegations:\n  - { from: bob, to: eve, begins: '2020-01-01T00:00:00Z', ends: '2020-02-01T00:00:00Z' }\n";
    const asked = (at: string) => ask(sources.trimEnd(), at, { pagerduty }, away);
    expect(await asked('2020-01-15T00:00:00Z')).toMatchObject({ people: ['eve'], source: 'pagerduty' });
    expect(await asked('2020-02-01T00:00:00Z')).toMatchObject({ people: ['bob'], source: 'pagerduty' });
  });

  test.each([
    ['is not configured', null, /no token is configured/],
    ['refuses the token', { status: 401, body: 'sesame-token is wrong' }, /answered 401/],
    ['redirects', { status: 302, body: '' }, /cannot be reached/],
    ['answers no JSON', { body: '<html>' }, /something else than is documented/],
    ['answers another shape', { body: { oncalls: [{}] } }, /something else than is documented/],
    ['answers far too much', { body: { oncalls: [], pad: 'x'.repeat(1_100_000) } }, /something else/],
    ['names nobody', oncalls(), /names nobody of dba/],
    ['names strangers only', oncalls('eve@example.com'), /names nobody of dba/],
  ])('one that %s falls to the next, and it is said without the token', async (_, answer, fault) => {
    const pagerduty = answer === null ? null : await serve(() => answer);
    const grafana = await serve(() => ({ status: 503, body: '' }));
    const slack = await serve(() => ({ body: { ok: false, error: 'no_such_subteam' } }));
    const told = await ask(sources, AT, { pagerduty, grafana, slack });
    expect(told).toMatchObject({ people: ['bob'], source: 'rotation' });
    expect(told.faults).toHaveLength(3);
    expect(told.faults[0]).toMatch(fault);
    expect(JSON.stringify(told)).not.toContain('sesame');
    expect(said).toEqual([['dba', told]]);
  });

  test('when none knows, nobody is named: all of the group are asked', async () => {
    const told = await ask('  dba:\n    - { kind: pagerduty, schedule: PI7DH85 }', AT);
    expect(told).toMatchObject({ people: [], source: null });
    expect(await ask('  lead:\n    - { kind: pagerduty, schedule: PI7DH85 }', AT)).toEqual({
      people: [],
      source: null,
      faults: [],
    });
  });

  test('an answer is kept for a minute, and not beyond the directory that it was asked for', async () => {
    const pagerduty = await serve(() => oncalls('bob@example.com'));
    let [nowMs, directory] = [Date.parse(AT), directoryWith(sources)];
    const onCall = createOnCall({
      directory: () => directory,
      access: { ...nowhere, pagerduty },
      onFaults,
      clock: () => nowMs,
    });
    const asked = async (): Promise<number> => {
      await onCall.of('dba');
      return pagerduty.asked.length;
    };
    expect(await asked()).toBe(1);
    nowMs += 59_000;
    expect(await asked()).toBe(1);
    nowMs += 1_000;
    expect(await asked()).toBe(2);
    directory = directoryWith(sources);
    expect(await asked()).toBe(3);
  });
});
