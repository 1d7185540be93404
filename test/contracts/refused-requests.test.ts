import { ulid } from 'ulid';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createAgentToken } from '../../src/client/agent-token.js';
import type { ActionView } from '../../src/record/action-view.js';
import type { Fields } from '../fakes/slack/block-kit.js';
import type { FakeMessage } from '../fakes/slack/slack-state.js';
import { objectsIn, textOf } from '../fakes/teams/fake-teams.js';
import type { FakeTeamsMessage } from '../fakes/teams/teams-state.js';
import { agentSigner } from '../support/actors.js';
import { startTestIssuer, type TestIssuer } from '../support/issuer.js';
import { postRaw, type RawAnswer, type RawRequest } from '../support/raw-request.js';
import { waitFor } from '../support/slack-stack.js';
import { attacksFrom } from '../unit/slack/attacks.js';
import {
  FORM,
  HONEST,
  request,
  signatureHeader,
  timestampHeader,
  type HonestRequests,
  type Payload,
} from '../unit/slack/signed-requests.js';
import { TEAMS_ATTACKS, type HonestClick } from '../unit/teams/attacks.js';
import { objectIdOf, teamsIds } from '../unit/teams/views.js';
import { PEOPLE, SLACK, startOffice, type Office, type Standing } from './channel-office.js';

// What is turned away at the edge of a whole Countersign, each request differing from an honest one in one thing. After
// each, nothing is on record as decided, no workflow has heard of it, and at the end the honest one counts.

const BEN = SLACK.userOf('ben');
const BEN_IN_TEAMS = objectIdOf(PEOPLE.ben.number);
/** Eve's, who is a DBA and has no Slack account in the directory. */
const UNMAPPED = 'U0000099';
const EVE = '  - { id: eve, name: Eve Ek, email: eve@example.com, oidcSubject: eve }\n';

let issuer: TestIssuer;
let office: Office;

beforeAll(async () => {
  issuer = await startTestIssuer();
  office = await startOffice({
    gateway: {
      COUNTERSIGN_OIDC_ISSUER: issuer.issuer,
      COUNTERSIGN_SLACK_EMAIL_DOMAINS: 'example.com',
      COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1',
    },
    arrange: (directory) => directory.replace('people:\n', `people:\n${EVE}`).replace('dba: [', 'dba: [eve, '),
  });
});
afterAll(async () => {
  await office.close();
  await issuer.stop();
});

describe('in Slack', () => {
  let actionId: string;
  let message: FakeMessage;
  let submission: Payload;
  let standing: Standing;

  beforeAll(async () => {
    actionId = await office.request('plain');
    message = await messageOf(actionId);
    const viewId = await formOn(message);
    submission = office.slack.payloads.submission({ viewId, userId: BEN, reason: 'Not like this.' });
    standing = await office.standing(actionId);
  });
  afterEach(() => {
    office.slack.state.setUser(BEN, {});
  });

  const untouched = async (): Promise<void> => {
    expect(await office.standing(actionId)).toEqual(standing);
  };
  /** Another one each time: each has an id of its own. */
  const click = (userId: string = BEN): Payload => office.slack.payloads.click(clickOn(message, 'approve', userId));
  const honest = (): HonestRequests => ({
    secret: '0123456789abcdef0123456789abcdef',
    nowSeconds: Math.floor(Date.now() / 1000),
    click: click(),
    submission,
  });
  const post = (sent: RawRequest) => postFromAnywhere('/slack/interactions', sent);
  /** HTTP takes the blank away that the signature is over. */
  const overWire: Record<string, string> = { 'a padded timestamp': 'signature_invalid' };
  const attacks = attacksFrom(HONEST).map(([name, fault]) => ({ name, error: overWire[name] ?? fault }));

  it.each(attacks)('$name ($error)', async ({ name, error }) => {
    const now = honest();
    const [, , sent = {}] = attacksFrom(now).find(([each]) => each === name) ?? [];
    const { status, json } = await post(request(sent, now));
    expect(json).toEqual({ error });
    expect(status).toBeGreaterThanOrEqual(400);
    await untouched();
  });

  it.each<[string, (honest: Payload) => Payload]>([
    ['an unknown button', (payload) => withAction(payload, { action_id: 'somebody_elses' })],
    ['an interaction of another type', (payload) => ({ ...payload, type: 'message_action' })],
  ])('%s, which is nothing of ours', async (_name, alter) => {
    expect((await office.slack.send(office.stack.gatewayUrl, alter(click()))).status).toBe(200);
    await untouched();
  });

  it.each<[string, Fields]>([
    ['a guest', { is_restricted: true }],
    ['a guest of one channel', { is_ultra_restricted: true }],
    ['a stranger in a shared channel', { is_stranger: true }],
    ['a member of another team', { team_id: 'T0OTHER' }],
    ['a bot', { is_bot: true }],
    ['a workflow', { is_workflow_bot: true }],
    ['deleted', { deleted: true, is_restricted: undefined, is_ultra_restricted: undefined }],
  ])('an approver who is %s', async (_name, fields) => {
    const sent = click();
    office.slack.state.setUser(BEN, fields);
    expect(await answerTo(sent)).toContain('full, active member');
    await untouched();
  });

  it('an approver whom Slack cannot be asked about', async () => {
    office.slack.failNext('users.info', { status: 500 });
    expect(await answerTo(click())).toContain('Please try again');
    await untouched();
  });

  const EMAIL = { profile: { email: 'eve@example.com' }, is_email_confirmed: true };
  it.each<[string, Fields]>([
    ['no address', { profile: {}, is_email_confirmed: true }],
    ['an address that nobody confirmed', { ...EMAIL, is_email_confirmed: false }],
    ['an address of a foreign domain', { ...EMAIL, profile: { email: 'eve@example.org' } }],
    ['an address of a subdomain', { ...EMAIL, profile: { email: 'eve@sub.example.com' } }],
    // Carol's entry names another account of this workspace.
    ['the address of somebody else', { ...EMAIL, profile: { email: 'carol@example.com' } }],
  ])('an account that the directory does not have, with %s', async (_name, fields) => {
    office.slack.state.setUser(UNMAPPED, fields);
    expect(await answerTo(click(UNMAPPED), UNMAPPED)).toContain('not in the Countersign directory');
    await untouched();
  });

  it.each<[string, (honest: Payload) => Payload]>([
    [
      'a message that we did not post',
      ({ container }) => ({ container: { ...(container as object), message_ts: planted(message) } }),
    ],
    [
      'a channel that we did not post to',
      ({ container }) => ({
        container: { ...(container as object), channel_id: 'C0000002' },
        channel: { id: 'C0000002' },
      }),
    ],
  ])('a click in %s', async (_name, over) => {
    const [sent, before] = [click(), (await office.refusals()).length];
    expect((await office.slack.send(office.stack.gatewayUrl, { ...sent, ...over(sent) })).status).toBe(200);
    // In another channel nobody can be told.
    await expect
      .poll(async () => (await office.refusals()).slice(before).map(({ code }) => code), { timeout: 30_000 })
      .toEqual(['forbidden']);
    await untouched();
  });

  it('a form in which another action is written than was sealed into it', async () => {
    const other = await office.request('plain');
    const viewId = await formOn(await messageOf(other));
    const view = office.slack.state.view(viewId);
    const sealed = JSON.parse(String(view['private_metadata'])) as { context: Fields };
    view['private_metadata'] = JSON.stringify({ ...sealed, context: { ...sealed.context, actionId } });
    const otherStanding = await office.standing(other);
    const answer = await office.slack.submit(office.stack.gatewayUrl, { viewId, userId: BEN, reason: 'no' });
    expect(await answer.json()).toMatchObject({ response_action: 'errors' });
    await untouched();
    expect(await office.standing(other)).toEqual(otherStanding);
  });

  it('but the honest click counts, once: again it is a replay', async () => {
    const sent = request({}, honest());
    expect(await post(sent)).toEqual({ status: 200, json: null });
    await office.agent.wait(actionId, { timeoutMs: 50_000 });
    standing = await office.standing(actionId);
    expect(standing.decisions).toMatchObject([{ person: 'ben', channel: 'slack' }]);
    expect(await post(sent)).toEqual({ status: 401, json: { error: 'replayed' } });
    await untouched();
  });

  it('and so does a confirmed address of our domain', async () => {
    const another = await office.request('plain');
    office.slack.state.setUser(UNMAPPED, EMAIL);
    const approval = office.slack.payloads.click(clickOn(await messageOf(another), 'approve', UNMAPPED));
    expect(await answerTo(approval, UNMAPPED)).toContain('Your approval counts');
    expect((await office.agent.get(another)).decisions).toMatchObject([{ person: 'eve', channel: 'slack' }]);
  });
});

let senders = 0;

/** From another address each time: the record takes so many refusals from each. */
function postFromAnywhere(path: string, { rawHeaders, body }: RawRequest): Promise<RawAnswer> {
  senders += 1;
  const from = ['x-forwarded-for', `192.0.2.${String(senders)}`];
  return postRaw(office.stack.gatewayUrl + path, { rawHeaders: [...rawHeaders, ...from], body });
}

/** A press of a button of a message. */
const clickOn = ({ ts }: FakeMessage, button: 'approve' | 'deny', userId: string) => ({
  conversation: SLACK.channel,
  ts,
  button: `countersign_${button}`,
  userId,
});

async function messageOf(actionId: string): Promise<FakeMessage> {
  await office.noted('slack', actionId);
  const messages = (): FakeMessage[] => office.slack.state.messages(SLACK.channel);
  const found = await waitFor(
    () => messages().find(({ blocks }) => JSON.stringify(blocks).includes(`${actionId}.`)),
    () => 'no message with Approve',
  );
  return structuredClone(found);
}

/** Opens the form that asks Ben why. */
async function formOn(message: FakeMessage): Promise<string> {
  const before = office.slack.state.views().length;
  await office.slack.click(office.stack.gatewayUrl, clickOn(message, 'deny', BEN));
  return waitFor(
    () => office.slack.state.views()[before],
    () => 'no form opened',
  );
}

/** Sends it signed and fresh; gives what the person alone is told. */
async function answerTo(payload: Payload, userId: string = BEN): Promise<string> {
  const told = (): string[] =>
    office.slack.state.ephemerals.filter((line) => line.userId === userId).map(({ text }) => text);
  const before = told().length;
  expect((await office.slack.send(office.stack.gatewayUrl, payload)).status).toBe(200);
  return waitFor(
    () => told()[before],
    () => 'nobody was told',
  );
}

/** Another app's copy of our message. */
function planted({ blocks }: FakeMessage): string {
  office.slack.state.plant(SLACK.channel, { blocks, app_id: 'A0OTHER' });
  return office.slack.state.messages(SLACK.channel).at(-1)?.ts ?? '';
}

function withAction(click: Payload, over: Payload): Payload {
  const [action] = click['actions'] as [Payload];
  return { ...click, actions: [{ ...action, ...over }] };
}

describe('/countersign in Slack', () => {
  it.each<[string, string[], string]>([
    ['without a signature', [], 'header_missing'],
    ['signed by another secret', [signatureHeader, `v0=${'0'.repeat(64)}`], 'signature_invalid'],
  ])('%s tells nothing', async (_name, signature, error) => {
    const command = office.slack.payloads.command({ userId: BEN }) as Record<string, string>;
    const stamp = [timestampHeader, String(Math.floor(Date.now() / 1000))];
    const answer = await postFromAnywhere('/slack/commands', {
      rawHeaders: ['content-type', FORM, ...stamp, ...signature],
      body: Buffer.from(new URLSearchParams(command).toString()),
    });
    expect(answer).toEqual({ status: 401, json: { error } });
  });
});

describe('in Teams', () => {
  let actionId: string;
  let card: FakeTeamsMessage;
  let standing: Standing;

  beforeAll(async () => {
    actionId = await office.request('plain');
    await office.noted('teams', actionId);
    const found = () =>
      office.teams.state.messages(teamsIds.channel).find((one) => textOf(one.card).includes(actionId));
    card = structuredClone(
      await waitFor(
        () => found(),
        () => 'no card',
      ),
    );
    standing = await office.standing(actionId);
  });
  afterEach(() => {
    office.teams.state.setMember(BEN_IN_TEAMS);
  });

  const untouched = async (): Promise<void> => {
    expect(await office.standing(actionId)).toEqual(standing);
  };

  const invoke = (over: Partial<FakeTeamsMessage> = {}, aadObjectId = BEN_IN_TEAMS) =>
    office.teams.invoke({ message: { ...card, ...over }, button: 'approve', aadObjectId });
  const honest = (): HonestClick => ({
    tokens: office.teams.tokens,
    serviceUrl: office.teams.serviceUrl,
    invoke: () => invoke(),
  });
  const send = async (activity: unknown): Promise<string> => {
    const answer = await office.teams.send(office.stack.gatewayUrl, activity);
    expect(answer.status).toBe(200);
    return answer.text();
  };

  it.each(TEAMS_ATTACKS)('$name ($error)', async ({ make, status, error }) => {
    expect(await postFromAnywhere('/teams/messages', await make(honest()))).toEqual({ status, json: { error } });
    await untouched();
  });

  it.each<[string, Parameters<Office['teams']['state']['setMember']>[1], string]>([
    ['a guest', { userRole: 'guest' }, 'full member'],
    ['anonymous', { userRole: 'anonymous' }, 'full member'],
    ['of another tenant', { tenantId: teamsIds.otherTenantId }, 'full member'],
    ['no member any more', null, 'full member'],
  ])('an approver who is %s', async (_name, member, words) => {
    const activity = invoke();
    office.teams.state.setMember(BEN_IN_TEAMS, member);
    expect(await send(activity)).toContain(words);
    await untouched();
  });

  it('an approver whom Teams cannot be asked about', async () => {
    const activity = invoke();
    office.teams.failNext({ status: 503 });
    expect(await send(activity)).toContain('try again');
    await untouched();
  });

  it('an account that the directory does not have', async () => {
    office.teams.state.setMember(objectIdOf(99));
    expect(await send(invoke({}, objectIdOf(99)))).toContain('not in the Countersign directory');
    await untouched();
  });

  it.each<[string, Partial<FakeTeamsMessage>, string]>([
    ['a message that we did not post', { id: '1764000009999' }, 'not the message that Countersign keeps'],
    ['a conversation that we did not post to', { conversation: teamsIds.fallback }, 'Not counted'],
  ])('a click in %s', async (_name, over, words) => {
    expect(await send(invoke(over))).toContain(words);
    await untouched();
  });

  it('but the honest click counts, once: again it is the same decision', async () => {
    expect(objectsIn(card.card).some(({ type }) => type === 'Action.Execute')).toBe(true);
    const activity = invoke();
    await send(activity);
    await office.agent.wait(actionId, { timeoutMs: 50_000 });
    standing = await office.standing(actionId);
    await send(activity);
    await untouched();
    expect(standing.decisions).toMatchObject([{ person: 'ben', channel: 'teams' }]);
  });
});

interface ApiRequest {
  authorization?: string;
  body?: object;
  key?: string;
}

describe('by the API', () => {
  let action: ActionView;
  let standing: Standing;
  const { audience } = inject('services').oidc;
  const key = ulid();
  const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
  const approval = (): object => ({ decision: 'approve', reason: 'Checked.', actionDigest: action.actionDigest });
  const path = (): string => `/v1/actions/${action.actionId}/decision`;
  const bearer = async (claims: object = {}, more: object = {}): Promise<string> =>
    `Bearer ${await issuer.token({ ...more, claims: { aud: audience, sub: 'carol', ...claims } })}`;

  beforeAll(async () => {
    action = await office.waiting(await office.request('two'));
    // A DBA has approved: a data owner is still needed.
    expect((await decide({ authorization: await bearer({ sub: 'ben' }), key })).status).toBe(200);
    standing = await office.standing(action.actionId);
  });

  const untouched = async (): Promise<void> => {
    expect(await office.standing(action.actionId)).toEqual(standing);
  };

  const decide = async (sent: ApiRequest): Promise<{ status: number; json: Record<string, unknown> }> => {
    const { authorization, body = approval(), key: idempotencyKey = ulid() } = sent;
    const answer = await fetch(office.stack.gatewayUrl + path(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
        ...(authorization !== undefined && { authorization }),
      },
      body: JSON.stringify(body),
    });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };
  const agentToken = async (): Promise<string> => {
    const use = { audience: office.stack.gatewayUrl, method: 'POST', url: office.stack.gatewayUrl + path() };
    return `Countersign-Agent ${await createAgentToken(agentSigner(office.stack), { ...use, nowMs: Date.now() })}`;
  };

  it.each<[string, () => Promise<ApiRequest>, number, string]>([
    ['no token', async () => ({}), 401, 'unauthenticated'],
    [
      'an expired token',
      async () => ({ authorization: await bearer({ exp: nowSeconds() - 61 }) }),
      401,
      'unauthenticated',
    ],
    [
      'a token for another audience',
      async () => ({ authorization: await bearer({ aud: 'payroll' }) }),
      401,
      'unauthenticated',
    ],
    [
      'a token of another issuer',
      async () => ({ authorization: await bearer({ iss: 'https://issuer.example' }) }),
      401,
      'unauthenticated',
    ],
    [
      'an ID token',
      async () => ({ authorization: await bearer({}, { header: { typ: 'JWT' } }) }),
      401,
      'unauthenticated',
    ],
    [
      'a token of a program (client credentials)',
      async () => ({ authorization: await bearer({ sub: 'cli', client_id: 'cli' }) }),
      401,
      'unauthenticated',
    ],
    [
      'a token of a program that is listed nowhere',
      async () => ({ authorization: await bearer({ sub: 'svc-deploy' }) }),
      403,
      'person_unknown',
    ],
    ["the agent's own token", async () => ({ authorization: await agentToken() }), 403, 'forbidden'],
    [
      'an approver named in the body',
      async () => ({ authorization: await bearer(), body: { ...approval(), approver: 'ben' } }),
      400,
      'field_invalid',
    ],
    [
      'a person named in the body',
      async () => ({ authorization: await bearer(), body: { ...approval(), person: { id: 'ben' } } }),
      400,
      'field_invalid',
    ],
    [
      'a decision that is none',
      async () => ({ authorization: await bearer(), body: { ...approval(), decision: 'approved' } }),
      400,
      'field_invalid',
    ],
    [
      'a used idempotency key, for a denial',
      async () => ({
        authorization: await bearer({ sub: 'ben' }),
        key,
        body: { ...approval(), decision: 'deny', reason: 'After all not.' },
      }),
      409,
      'idempotency_key_reused',
    ],
    [
      'a used idempotency key, with another reason',
      async () => ({
        authorization: await bearer({ sub: 'ben' }),
        key,
        body: { ...approval(), reason: 'Not even looked at.' },
      }),
      409,
      'idempotency_key_reused',
    ],
    [
      'a used idempotency key, about another version',
      async () => ({
        authorization: await bearer({ sub: 'ben' }),
        key,
        body: { ...approval(), actionDigest: 'cd'.repeat(32) },
      }),
      409,
      'idempotency_key_reused',
    ],
  ])('%s', async (_name, make, status, code) => {
    expect(await decide(await make())).toMatchObject({ status, json: { code } });
    await untouched();
  });

  it('but the same key with the same body is the same decision, and an honest token counts', async () => {
    expect((await decide({ authorization: await bearer({ sub: 'ben' }), key })).status).toBe(200);
    await untouched();
    expect(await decide({ authorization: await bearer() })).toMatchObject({ status: 200, json: { state: 'filled' } });
  });
});
