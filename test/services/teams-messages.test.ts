import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import type { JWTPayload } from 'jose';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import type { TokenChanges } from '../fakes/teams/connector-tokens.js';
import { objectsIn, textOf, type Click } from '../fakes/teams/fake-teams.js';
import { openTeamsForEach } from '../fakes/teams/each-gateway.js';
import type { TeamsGateway } from '../fakes/teams/teams-gateway.js';
import type { Card, FakeTeamsMessage } from '../fakes/teams/teams-state.js';
import { ACTION_DIGEST, ACTION_ID, decisionOf, doneView, waitingView } from '../unit/slack/views.js';
import { postRaw, type RawAnswer, type RawRequest } from '../support/raw-request.js';
import { clickWith, TEAMS_ATTACKS, type HonestClick } from '../unit/teams/attacks.js';
import { ADA, BO, directory, STRANGER, teamsIds } from '../unit/teams/views.js';

let gateway: TeamsGateway;
let message: FakeTeamsMessage;
let pool: pg.Pool;

openTeamsForEach(async (opened, itsPool) => {
  gateway = opened;
  pool = itsPool;
  message = await gateway.post();
  gateway.teams.calls.length = 0;
});

interface CardAnswer {
  statusCode: number;
  type: string;
  value: Card | string;
}

const press = async (over: Partial<Click> = {}): Promise<CardAnswer> => {
  const answer = await gateway.teams.click(gateway.url, { message, button: 'approve', aadObjectId: ADA, ...over });
  expect(answer.status).toBe(200);
  return (await answer.json()) as CardAnswer;
};
/** What whoever clicked reads first. */
const toldBy = ({ value }: CardAnswer): string =>
  typeof value === 'string' ? value : (textOf(value).split('\n')[0] ?? '');

describe('Approve', () => {
  it('is decided as the person, and answered with the card as it now is', async () => {
    gateway.view = doneView();
    const answer = await press();
    expect(answer).toMatchObject({ statusCode: 200, type: 'application/vnd.microsoft.card.adaptive' });
    expect(toldBy(answer)).toContain('it was the last one needed');
    expect(textOf(answer.value as Card)).toContain('approved by Ada Fischer');
    expect(gateway.decided).toEqual([
      {
        actionId: ACTION_ID,
        actionDigest: ACTION_DIGEST,
        decision: 'approve',
        reason: '',
        person: directory.person('ada'),
        via: {
          channel: 'teams',
          subject: `${teamsIds.tenantId}/${ADA}`,
          eventId: expect.stringMatching(/^f:/) as string,
        },
      },
    ]);
  });

  it('counts for the human of whom the account is an alias', async () => {
    await press({ aadObjectId: BO });
    expect(gateway.decided).toMatchObject([{ person: { id: 'bo-admin' } }]);
  });

  it('that comes late shows who decided', async () => {
    gateway.view = waitingView({ state: 'done', decisions: [decisionOf('ada', 'deny', 'Not now.')] });
    gateway.answer = () => Promise.reject(new Refusal('action_closed', 'The action has ended.'));
    const answer = await press({ aadObjectId: BO });
    expect(toldBy(answer)).toBe('Not counted: The action has ended.');
    const text = textOf(answer.value as Card);
    expect(text).toContain('Denied by Ada Fischer');
    expect(text).toContain('Not now.');
    expect(objectsIn(answer.value).filter(({ type }) => type === 'Action.Execute')).toEqual([]);
  });

  it('pressed twice is two events; sent twice by Teams it is one, with one answer', async () => {
    await Promise.all([press(), press()]);
    expect(new Set(gateway.decided.map(({ via }) => via.eventId)).size).toBe(2);
    gateway.decided = [];
    const activity = gateway.teams.invoke({ message, button: 'approve', aadObjectId: ADA });
    const answers = [];
    for (let time = 0; time < 2; time += 1)
      answers.push(await (await gateway.teams.send(gateway.url, activity)).json());
    expect(answers[1]).toEqual(answers[0]);
    expect(gateway.decided).toHaveLength(1);
  });

  it.each([
    [
      'a refusal in its own words',
      new Refusal('self_approval', 'You own this agent.'),
      'Not counted: You own this agent.',
    ],
    [
      'a service that is away',
      new ServiceFault('temporal', 'away', true),
      'a service that Countersign needs did not answer',
    ],
    ['a defect, without its details', new Error('secret detail'), 'Something went wrong here.'],
  ])('tells the person of %s', async (_name, error, words) => {
    gateway.answer = () => Promise.reject(error);
    const answer = await press();
    expect(toldBy(answer)).toContain(words);
    expect(JSON.stringify(answer)).not.toContain('secret detail');
    // Decisions puts its own refusals on record.
    expect(gateway.refused).toEqual([]);
  });
});

describe('Deny', () => {
  it('denies with the reason that was written into the card', async () => {
    expect(toldBy(await press({ button: 'deny', reason: '  Not this table.  ' }))).toContain('Denied.');
    expect(gateway.decided).toMatchObject([{ decision: 'deny', reason: 'Not this table.', person: { id: 'ada' } }]);
  });

  it.each([
    ['no reason', undefined, 'say why', 'reason_missing'],
    ['a blank reason', ' \n ', 'say why', 'reason_missing'],
    ['a reason that is too long', 'x'.repeat(2_001), 'at most 2000', 'field_invalid'],
  ])('with %s decides nothing', async (_name, reason, words, code) => {
    const answer = await press({ button: 'deny', ...(reason !== undefined && { reason }) });
    expect(toldBy(answer)).toContain(words);
    expect(gateway.decided).toEqual([]);
    expect(gateway.refused).toEqual([{ code, who: `teams/${teamsIds.tenantId}/${ADA}` }]);
  });
});

describe('a click decides nothing when', () => {
  it.each<[string, Parameters<TeamsGateway['teams']['state']['setMember']>[1]]>([
    ['a guest', { userRole: 'guest' }],
    ['anonymous', { userRole: 'anonymous' }],
    ['somebody whose role Teams does not say', { userRole: undefined as never }],
    ['of another tenant', { tenantId: teamsIds.otherTenantId }],
    ['no member any more', null],
    ['another account than the click says', { aadObjectId: STRANGER }],
  ])('its person is %s', async (_name, over) => {
    const activity = gateway.teams.invoke({ message, button: 'deny', aadObjectId: ADA, reason: ' ' });
    gateway.teams.state.setMember(ADA, over && { id: `29:${ADA}`, ...over });
    const answer = (await (await gateway.teams.send(gateway.url, activity)).json()) as CardAnswer;
    expect(answer).toMatchObject({ value: expect.stringContaining('full member') as string });
    expectNothingDecided('person_unknown');
  });

  it.each<[string, Parameters<TeamsGateway['teams']['failNext']>[0]]>([
    ['cannot be looked up', { status: 503 }],
    ['cannot be looked up in time', 'drop_request'],
  ])('its person %s', async (_name, fault) => {
    const activity = gateway.teams.invoke({ message, button: 'approve', aadObjectId: ADA });
    gateway.teams.failNext(fault);
    const answer: unknown = await (await gateway.teams.send(gateway.url, activity)).json();
    expect(answer).toMatchObject({ value: expect.stringContaining('try again') as string });
    expect(gateway.decided).toEqual([]);
  });

  it('its person is not in the directory', async () => {
    expect(toldBy(await press({ aadObjectId: STRANGER }))).toContain('not in the Countersign directory');
    expectNothingDecided('person_unknown', STRANGER);
  });

  it.each([true, false])('its message is one that we do not keep, of another action: %s', async (isOther) => {
    const other = isOther ? await gateway.post(waitingView({ actionId: '01K9ZZZZZZ0000000000000002' })) : null;
    const told = toldBy(await press({ message: { ...message, id: other?.id ?? '1764000009999' } }));
    expect(told).toContain('not the message that Countersign keeps');
    expectNothingDecided('forbidden');
    expect(JSON.stringify(gateway.teams.state.messages(teamsIds.channel))).not.toContain('posted twice');
  });

  it('its message is in a conversation that we did not post to', async () => {
    expect(toldBy(await press({ message: { ...message, conversation: teamsIds.fallback } }))).toContain(
      'not yet noted',
    );
    expectNothingDecided('forbidden');
  });
});

function expectNothingDecided(code: string, who = ADA): void {
  expect([gateway.decided, gateway.refused]).toEqual([[], [{ code, who: `teams/${teamsIds.tenantId}/${who}` }]]);
}

const honest = (): HonestClick => ({
  tokens: gateway.teams.tokens,
  serviceUrl: gateway.teams.serviceUrl,
  invoke: () => invoke(),
});

/** The honest click with another token, or another activity. */
async function sendWith(token: TokenChanges, activity: unknown = invoke()): Promise<RawAnswer> {
  return post(await clickWith(honest(), { token, activity }));
}

const post = (sent: RawRequest): Promise<RawAnswer> => postRaw(`${gateway.url}/teams/messages`, sent);

function invoke(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...gateway.teams.invoke({ message, button: 'approve', aadObjectId: ADA }), ...over };
}

function expectTurnedAway(answer: RawAnswer, status: number, error: string): void {
  expect(answer).toEqual({ status, json: { error } });
  expect(gateway.decided).toEqual([]);
  expect(gateway.refused).toHaveLength(1);
  expect(gateway.refused[0]?.who).toBeNull();
  // Nobody was asked about, and nothing was changed.
  expect(gateway.teams.calls.filter((call) => !call.startsWith('POST'))).toEqual([]);
}

const seconds = (): number => Math.floor(Date.now() / 1000);
const claims = (changed: JWTPayload): TokenChanges => ({ claims: changed });

describe('a token', () => {
  it('of the connector is taken, a minute early or late', async () => {
    const at = (offset: number): JWTPayload => ({ nbf: seconds() + offset, exp: seconds() + offset + 3_600 });
    expect((await sendWith(claims(at(50)))).status).toBe(200);
    expect((await sendWith(claims(at(-3_650)))).status).toBe(200);
    expect(gateway.decided).toHaveLength(2);
  });
});

describe('turned away:', () => {
  it.each(TEAMS_ATTACKS)('$name', async ({ make, status, error }) => {
    expectTurnedAway(await post(await make(honest())), status, error);
  });
});

describe('an activity', () => {
  const value = (action: Record<string, unknown>): Record<string, unknown> => ({ value: { action } });
  const data = { actionId: ACTION_ID, actionDigest: ACTION_DIGEST };

  it('with the id of another is refused', async () => {
    const first = invoke();
    await gateway.teams.send(gateway.url, first);
    const answer = await gateway.teams.send(gateway.url, invoke({ id: first['id'] }));
    expect(answer.status).toBe(400);
    expect(gateway.decided).toHaveLength(1);
  });

  it('that is about a version which is no longer shown is judged by its digest', async () => {
    gateway.answer = ({ actionDigest }) =>
      Promise.reject(new Refusal('digest_mismatch', `You were shown another version: ${actionDigest.slice(0, 4)}.`));
    const stale = { ...data, actionDigest: 'cd'.repeat(32) };
    const answer = await sendWith(
      {},
      invoke(value({ type: 'Action.Execute', verb: 'countersign.approve', data: stale })),
    );
    expect(toldBy(answer.json as CardAnswer)).toBe('Not counted: You were shown another version: cdcd.');
  });

  it('that installs the app tells where the conversation is; small talk does nothing', async () => {
    const install = invoke({ type: 'conversationUpdate', name: undefined, value: undefined });
    expect((await gateway.teams.send(gateway.url, install)).status).toBe(200);
    const talk = invoke({ type: 'message', name: undefined, value: undefined, text: 'approve it' });
    expect((await gateway.teams.send(gateway.url, talk)).status).toBe(200);
    const { rows } = await pool.query('select conversation, service_url from countersign.teams_conversations');
    expect(rows).toEqual([{ conversation: teamsIds.channel, service_url: gateway.teams.serviceUrl }]);
    expect([gateway.decided, gateway.refused]).toEqual([[], []]);
  });
});
