import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { JWTPayload } from 'jose';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import type { TokenChanges } from '../fakes/teams/connector-tokens.js';
import { objectsIn, textOf, type Click } from '../fakes/teams/fake-teams.js';
import { startTeamsGateway, type TeamsGateway } from '../fakes/teams/teams-gateway.js';
import type { Card, FakeTeamsMessage } from '../fakes/teams/teams-state.js';
import { ACTION_DIGEST, ACTION_ID, decisionOf, doneView, waitingView } from '../unit/slack/views.js';
import { ADA, BO, directory, STRANGER, teamsIds } from '../unit/teams/views.js';

let database: MessageDatabase;
let gateway: TeamsGateway;
let message: FakeTeamsMessage;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate countersign.channel_messages, countersign.teams_conversations');
  gateway = await startTeamsGateway(database.pool);
  message = await gateway.post();
});
afterEach(() => gateway.stop());

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
    ['another account than the click says', { aadObjectId: STRANGER }],
  ])('its person is %s', async (_name, over) => {
    const activity = gateway.teams.invoke({ message, button: 'deny', aadObjectId: ADA, reason: ' ' });
    gateway.teams.state.setMember(ADA, { id: `29:${ADA}`, ...over });
    const answer = (await (await gateway.teams.send(gateway.url, activity)).json()) as CardAnswer;
    expect(answer).toMatchObject({ value: expect.stringContaining('full member') as string });
    expectNothingDecided('person_unknown');
  });

  it.each<[string, Parameters<TeamsGateway['teams']['failNext']>[0] | null]>([
    ['is no member any more', null],
    ['cannot be looked up', { status: 503 }],
    ['cannot be looked up in time', 'drop_request'],
  ])('its person %s', async (_name, fault) => {
    const activity = gateway.teams.invoke({ message, button: 'approve', aadObjectId: ADA });
    if (fault === null) gateway.teams.state.setMember(ADA, null);
    else gateway.teams.failNext(fault);
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

/** A request with a token as it is changed, to which everything else is right. */
async function sendWith(changes: TokenChanges, activity: unknown = invoke()): Promise<Response> {
  const token = await gateway.teams.tokens.sign(gateway.teams.serviceUrl, changes);
  return sendRaw(JSON.stringify(activity), { authorization: `Bearer ${token}` });
}

function sendRaw(body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${gateway.url}/teams/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

function invoke(over: Record<string, unknown> = {}): Record<string, unknown> {
  return { ...gateway.teams.invoke({ message, button: 'approve', aadObjectId: ADA }), ...over };
}

async function expectTurnedAway(answer: Response, status: number, error: string): Promise<void> {
  expect([answer.status, await answer.json()]).toEqual([status, { error }]);
  expect(gateway.decided).toEqual([]);
  expect(gateway.refused).toHaveLength(1);
  expect(gateway.refused[0]?.who).toBeNull();
  // Nobody was asked about, and nothing was changed.
  expect(gateway.teams.calls.filter((call) => !call.startsWith('POST'))).toEqual([]);
}

const seconds = (): number => Math.floor(Date.now() / 1000);
const entra = 'https://sts.windows.net/11111111-1111-4111-8111-111111111111/';
const claims = (changed: JWTPayload): TokenChanges => ({ claims: changed });

describe('a token', () => {
  it('of the connector is taken, a minute early or late', async () => {
    const at = (offset: number): JWTPayload => ({ nbf: seconds() + offset, exp: seconds() + offset + 3_600 });
    expect((await sendWith(claims(at(50)))).status).toBe(200);
    expect((await sendWith(claims(at(-3_650)))).status).toBe(200);
    expect(gateway.decided).toHaveLength(2);
  });

  it.each<[string, () => TokenChanges, string]>([
    ['of a key that the connector does not have', () => ({ key: 'stranger' }), 'key_unknown'],
    ['that borrows the id of a key', () => ({ key: 'stranger', kid: 'connector' }), 'signature_invalid'],
    ['without a key id', () => ({ kid: null }), 'key_unknown'],
    ['of a key that does not speak for Teams', () => ({ key: 'webchat' }), 'endorsement_missing'],
    ['by another algorithm', () => ({ alg: 'RS384' }), 'token_malformed'],
    ['by yet another algorithm', () => ({ alg: 'PS256' }), 'token_malformed'],
    ['that has expired', () => claims({ exp: seconds() - 61 }), 'token_expired'],
    ['of the future', () => claims({ nbf: seconds() + 70 }), 'token_expired'],
    ['that never expires', () => ({ without: ['exp'] }), 'token_expired'],
    ['for another app', () => claims({ aud: teamsIds.otherTenantId }), 'audience_not_ours'],
    ['for several apps', () => claims({ aud: [teamsIds.appId, teamsIds.otherTenantId] }), 'audience_not_ours'],
    ['of Entra ID', () => claims({ iss: entra, appid: teamsIds.appId, ver: '1.0' }), 'issuer_not_allowed'],
    [
      'of the emulator',
      () =>
        claims({
          iss: 'https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a/v2.0',
          azp: teamsIds.appId,
          ver: '2.0',
        }),
      'issuer_not_allowed',
    ],
    ['of a skill', () => claims({ iss: entra, appid: teamsIds.otherTenantId, ver: '1.0' }), 'issuer_not_allowed'],
    [
      'of an issuer that begins like the connector',
      () => claims({ iss: 'https://api.botframework.com/' }),
      'issuer_not_allowed',
    ],
    ['for another service URL', () => claims({ serviceurl: 'https://smba.example/' }), 'service_url_mismatch'],
    ['for no service URL', () => ({ without: ['serviceurl'] }), 'service_url_mismatch'],
  ])('%s is refused', async (_name, changes, error) => {
    await expectTurnedAway(await sendWith(changes()), 401, error);
  });

  it.each<[string, () => Record<string, string>, string]>([
    ['missing', () => ({}), 'header_missing'],
    ['not a bearer token', () => ({ authorization: 'Basic eDp4' }), 'token_malformed'],
    ['empty', () => ({ authorization: 'Bearer ' }), 'token_malformed'],
    ['not a JWT', () => ({ authorization: 'Bearer abc' }), 'token_malformed'],
    ['not JSON inside', () => ({ authorization: 'Bearer YQ.YQ.YQ' }), 'token_malformed'],
    ['unsigned', () => ({ authorization: `Bearer ${unsigned()}` }), 'token_malformed'],
    ['unsigned, with a signature', () => ({ authorization: `Bearer ${unsigned()}AAAA` }), 'token_malformed'],
    ['of 9 KB', () => ({ authorization: `Bearer ${'a'.repeat(9_000)}.a.a` }), 'token_malformed'],
  ])('that is %s is refused', async (_name, headers, error) => {
    const answer = await sendRaw(JSON.stringify(invoke()), headers());
    await expectTurnedAway(answer, 401, error);
  });
});

function unsigned(): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = { iss: 'https://api.botframework.com', aud: teamsIds.appId, serviceurl: gateway.teams.serviceUrl };
  return `${part({ alg: 'none', kid: 'connector' })}.${part({ ...body, exp: seconds() + 600 })}.`;
}

describe('an activity', () => {
  const tenant = (id: string | undefined): Record<string, unknown> => ({
    channelData: { tenant: { id } },
    conversation: { id: message.conversation, tenantId: id },
  });
  const value = (action: Record<string, unknown>): Record<string, unknown> => ({ value: { action } });
  const data = { actionId: ACTION_ID, actionDigest: ACTION_DIGEST };

  it.each<[string, () => unknown, number, string]>([
    ['that is empty', () => ({}), 400, 'activity_malformed'],
    ['that is a list', () => [], 400, 'activity_malformed'],
    ['that is null', () => null, 400, 'activity_malformed'],
    ['that is a text', () => 'x', 400, 'activity_malformed'],
    ['without a type', () => invoke({ type: undefined }), 400, 'activity_malformed'],
    ['without an id', () => invoke({ id: undefined }), 400, 'activity_malformed'],
    ['of another channel', () => invoke({ channelId: 'emulator' }), 403, 'channel_not_allowed'],
    ['of another service URL', () => invoke({ serviceUrl: 'https://smba.example/' }), 401, 'service_url_mismatch'],
    ['of another tenant', () => invoke(tenant(teamsIds.otherTenantId)), 403, 'tenant_not_allowed'],
    [
      'of no tenant',
      () => invoke({ channelData: {}, conversation: { id: message.conversation } }),
      403,
      'tenant_not_allowed',
    ],
    [
      'of two tenants',
      () => invoke({ channelData: { tenant: { id: teamsIds.otherTenantId } } }),
      403,
      'tenant_not_allowed',
    ],
    ['that is another invoke', () => invoke({ name: 'composeExtension/submitAction' }), 501, 'invoke_unsupported'],
    ['that is an invoke without a name', () => invoke({ name: undefined }), 501, 'invoke_unsupported'],
    [
      'with an unknown verb',
      () => invoke(value({ type: 'Action.Execute', verb: 'countersign.run', data })),
      400,
      'verb_unknown',
    ],
    ['with no verb', () => invoke(value({ type: 'Action.Execute', data })), 400, 'verb_unknown'],
    [
      'that names Action.Submit',
      () => invoke(value({ type: 'Action.Submit', verb: 'countersign.approve', data })),
      400,
      'submit_unsupported',
    ],
    [
      'that is a submitted message',
      () => invoke({ type: 'message', name: undefined, value: { verb: 'countersign.approve', ...data } }),
      400,
      'submit_unsupported',
    ],
    [
      'without data',
      () => invoke(value({ type: 'Action.Execute', verb: 'countersign.approve' })),
      400,
      'activity_malformed',
    ],
    ['with a value that is null', () => invoke({ value: null }), 400, 'activity_malformed'],
    [
      'about no action',
      () => invoke(value({ type: 'Action.Execute', verb: 'countersign.approve', data: { ...data, actionId: '../x' } })),
      400,
      'activity_malformed',
    ],
    ['of no message', () => invoke({ replyToId: undefined }), 400, 'activity_malformed'],
    [
      'without an Entra account',
      () => invoke({ from: { id: `29:${ADA}`, name: 'Ada Fischer' } }),
      403,
      'sender_unproven',
    ],
    [
      'with an account that is none',
      () => invoke({ from: { id: 'x', aadObjectId: 'ada' } }),
      400,
      'activity_malformed',
    ],
  ])('%s is refused', async (_name, activity, status, error) => {
    await expectTurnedAway(await sendWith({}, activity()), status, error);
  });

  it.each([
    ['over 64 KiB', JSON.stringify({ type: 'x'.repeat(65_536) }), 'application/json', 413, 'body_too_large'],
    ['that is not JSON', '{', 'application/json', 400, 'activity_malformed'],
    ['that is not said to be JSON', '{}', 'text/plain', 415, 'content_type_unsupported'],
  ])('%s is refused', async (_name, body, type, status, error) => {
    const token = await gateway.teams.tokens.sign(gateway.teams.serviceUrl);
    const answer = await sendRaw(body, { authorization: `Bearer ${token}`, 'content-type': type });
    await expectTurnedAway(answer, status, error);
  });

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
    expect(toldBy((await answer.json()) as CardAnswer)).toBe('Not counted: You were shown another version: cdcd.');
  });

  it('that installs the app tells where the conversation is; small talk does nothing', async () => {
    const install = invoke({ type: 'conversationUpdate', name: undefined, value: undefined });
    expect((await gateway.teams.send(gateway.url, install)).status).toBe(200);
    const talk = invoke({ type: 'message', name: undefined, value: undefined, text: 'approve it' });
    expect((await gateway.teams.send(gateway.url, talk)).status).toBe(200);
    const { rows } = await database.pool.query('select conversation, service_url from countersign.teams_conversations');
    expect(rows).toEqual([{ conversation: teamsIds.channel, service_url: gateway.teams.serviceUrl }]);
    expect([gateway.decided, gateway.refused]).toEqual([[], []]);
  });
});
