import { rm } from 'node:fs/promises';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Payloads } from '../../apps/payloads.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { startTestGateway, type Answer, type SendOptions, type TestGateway } from '../support/gateway.js';
import { startTestIssuer, type TestIssuer } from '../support/issuer.js';
import { placeholderConsole, signInToWeb, type WebSession } from '../support/web-session.js';

/** As protobuf writes it in JSON. */
interface JsonPayload {
  metadata: Record<string, string>;
  data: string;
}

const UI = 'https://temporal.countersign.test';
const SECRET = { query: 'select name from customers' };

let issuer: TestIssuer;
let gateway: TestGateway;
let consoleDir: string;
let payloads: Payloads;
let carol: WebSession;
let token: string;
/** On record. */
let actionId: string;
let sealed: JsonPayload;

beforeAll(async () => {
  issuer = await startTestIssuer();
  consoleDir = await placeholderConsole();
  gateway = await startTestGateway({
    issuer: issuer.issuer,
    extra: { COUNTERSIGN_CONSOLE_DIR: consoleDir, COUNTERSIGN_TEMPORAL_UI_ORIGINS: UI },
  });
  payloads = await gateway.installation.openPayloads();
  carol = await signInToWeb(gateway, issuer);
  token = await issuer.token();
  const signed = await gateway.sign();
  expect((await gateway.send('POST', '/v1/actions', { body: signed.envelope })).status).toBe(202);
  actionId = signed.actionId;
  sealed = await seal(workflowIdOf(actionId));
});

afterAll(async () => {
  payloads.close();
  await gateway.stop();
  await issuer.stop();
  await rm(consoleDir, { recursive: true, force: true });
});

const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
const toJson = ({ metadata, data }: Payload): JsonPayload => ({
  metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)])),
  data: base64(data),
});

async function seal(workflowId: string, value: unknown = SECRET): Promise<JsonPayload> {
  const context = { type: 'workflow', namespace: 'n', workflowId } as const;
  const [encoded = {}] = await payloads.codec.encode([defaultPayloadConverter.toPayload(value)], context);
  return toJson(encoded);
}

async function ask(path: string, body: unknown, { headers, ...rest }: SendOptions = {}): Promise<Answer> {
  const { namespace } = inject('services').temporal;
  return gateway.send('POST', `/codec/${path}`, { body, headers: { 'x-namespace': namespace, ...headers }, ...rest });
}

const byToken = async (body: unknown): Promise<Answer> => ask('decode', body, { authorization: `Bearer ${token}` });

/** What is shown of one payload. */
async function shown(payload: unknown): Promise<unknown> {
  const { status, json, text } = await byToken({ payloads: [payload] });
  expect(status, text).toBe(200);
  const [{ metadata, data }] = json['payloads'] as [JsonPayload];
  const bytes = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return defaultPayloadConverter.fromPayload({
    metadata: Object.fromEntries(bytes) as Record<string, Uint8Array>,
    data: Buffer.from(data, 'base64'),
  });
}

const withMetadata = (name: string, text: string): JsonPayload => ({
  ...sealed,
  metadata: { ...sealed.metadata, [name]: Buffer.from(text).toString('base64') },
});

describe('a payload is shown', () => {
  it('to a person with a token, in the order asked; what is plain stays as it is', async () => {
    const plain = toJson(defaultPayloadConverter.toPayload('plain'));
    const { json } = await byToken({ payloads: [plain, sealed, plain] });
    const inner = toJson(defaultPayloadConverter.toPayload(SECRET));
    expect(json).toEqual({ payloads: [plain, inner, plain] });
  });

  it('to a person whose ID token Temporal’s UI hands on', async () => {
    const viewer = await issuer.token({ claims: { aud: 'countersign-temporal-ui' }, header: { typ: 'JWT' } });
    const { status, text } = await ask('decode', { payloads: [sealed] }, { authorization: `Bearer ${viewer}` });
    expect(status, text).toBe(200);
    // By it they decide nothing.
    expect((await gateway.send('GET', '/v1/queue', { authorization: `Bearer ${viewer}` })).status).toBe(401);
  });

  it('on a page of Temporal’s UI, to who is signed in to the full view', async () => {
    const headers = { cookie: carol.cookie, origin: UI, 'sec-fetch-site': 'same-site' };
    const answer = await ask('decode', { payloads: [sealed] }, { headers });
    expect(answer.status, answer.text).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': UI,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
    const asked = await gateway.send('OPTIONS', '/codec/decode', {
      headers: { origin: UI, 'access-control-request-method': 'POST' },
    });
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-headers')).toBe('authorization, content-type, x-namespace');
  });

  it('when it belongs to the sweeper or to no workflow', async () => {
    expect(await shown(await seal('countersign-sweep', { ended: 0 }))).toEqual({ ended: 0 });
    expect(await shown(await seal('', 'a task failed'))).toBe('a task failed');
  });
});

describe('a payload is not shown', () => {
  it('of an action that the record does not know', async () => {
    expect(await shown(await seal(workflowIdOf(ulid())))).toMatch(/^\[not decoded: you may not read/);
  });

  it('of another action under the name of one that may be read', async () => {
    const foreign = await seal(workflowIdOf(ulid()));
    const renamed = {
      ...foreign,
      metadata: { ...foreign.metadata, 'encryption-workflow': base64(Buffer.from(workflowIdOf(actionId))) },
    };
    expect(await shown(renamed)).toBe('[not decoded: it was changed, or belongs to another workflow]');
  });

  it('of an action under the name of none', async () => {
    expect(await shown(withMetadata('encryption-workflow', 'countersign-sweep'))).toMatch(
      /belongs to another workflow/,
    );
  });

  it.each([
    [
      'cut short',
      () => ({ ...sealed, data: Buffer.from(sealed.data, 'base64').subarray(0, -1).toString('base64') }),
      /changed/,
    ],
    [
      'changed',
      () => ({ ...sealed, data: Buffer.from(sealed.data, 'base64').reverse().toString('base64') }),
      /changed/,
    ],
    ['empty', () => ({ ...sealed, data: '' }), /no payload of ours/],
    ['under a key of nobody', () => withMetadata('encryption-key', 'vault:v1:bm90aGluZw=='), /Vault does not open/],
    ['under a key that is a path', () => withMetadata('encryption-key', '../../../sys/seal'), /no payload of ours/],
  ] as [string, () => JsonPayload, RegExp][])('that is %s', async (_, forge, said) => {
    expect(await shown(forge())).toMatch(said);
  });
});

describe('nothing is decoded for', () => {
  const refused: [string, number, string, () => SendOptions | Promise<SendOptions>][] = [
    ['nobody', 401, 'unauthenticated', () => ({})],
    ['a token of nonsense', 401, 'unauthenticated', () => ({ authorization: 'Bearer nonsense' })],
    [
      'an agent',
      401,
      'unauthenticated',
      async () => ({ authorization: await gateway.agentHeader('export-bot', 'POST', '/codec/decode') }),
    ],
    [
      'the token of somebody who prompts an agent',
      401,
      'unauthenticated',
      async () => ({
        authorization: `Bearer ${await issuer.token({ claims: { aud: 'countersign-prompter' } })}`,
      }),
    ],
    [
      'an ID token of another client',
      401,
      'unauthenticated',
      async () => ({
        authorization: `Bearer ${await issuer.token({ claims: { aud: 'countersign-console' }, header: { typ: 'JWT' } })}`,
      }),
    ],
    [
      'an ID token for who decides',
      401,
      'unauthenticated',
      async () => ({
        authorization: `Bearer ${await issuer.token({ claims: { aud: ['countersign', 'countersign-temporal-ui'] }, header: { typ: 'JWT' } })}`,
      }),
    ],
    [
      'a token that has expired',
      401,
      'unauthenticated',
      async () => ({
        authorization: `Bearer ${await issuer.token({ claims: { exp: Math.floor(Date.now() / 1_000) - 120 } })}`,
      }),
    ],
    [
      'a person whom the directory does not list',
      403,
      'person_unknown',
      async () => ({
        authorization: `Bearer ${await issuer.token({ claims: { sub: 'mallory' } })}`,
      }),
    ],
    [
      'a page elsewhere, with the cookie',
      403,
      'forbidden',
      () => ({
        headers: { cookie: carol.cookie, origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' },
      }),
    ],
    [
      'a page elsewhere, with a token',
      403,
      'forbidden',
      () => ({
        authorization: `Bearer ${token}`,
        headers: { origin: 'https://evil.test' },
      }),
    ],
    [
      'a page of a like name',
      403,
      'forbidden',
      () => ({ headers: { cookie: carol.cookie, origin: `${UI}.evil.test` } }),
    ],
    ['a page that hides its origin', 403, 'forbidden', () => ({ headers: { cookie: carol.cookie, origin: 'null' } })],
    ['a cookie without a page', 401, 'unauthenticated', () => ({ headers: { cookie: carol.cookie } })],
    [
      'a cookie that the browser says comes from another site',
      401,
      'unauthenticated',
      () => ({
        headers: { cookie: carol.cookie, origin: UI, 'sec-fetch-site': 'cross-site' },
      }),
    ],
    [
      'another namespace',
      400,
      'field_invalid',
      () => ({
        authorization: `Bearer ${token}`,
        headers: { 'x-namespace': 'another' },
      }),
    ],
  ];

  it.each(refused)('%s', async (_, status, code, options) => {
    const answer = await ask('decode', { payloads: [sealed] }, await options());
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
    expect(answer.text).not.toContain('customers');
    const allowed = answer.headers.get('access-control-allow-origin');
    expect(allowed === null || allowed === UI).toBe(true);
  });

  it('a page elsewhere that asks beforehand', async () => {
    const headers = { origin: 'https://evil.test', 'access-control-request-method': 'POST' };
    const answer = await gateway.send('OPTIONS', '/codec/decode', { headers });
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });
});

describe('what is asked for is bounded', () => {
  it.each([
    ['a body of 1 MB', () => 'x'.repeat(1_000_000), 413, 'body_too_large'],
    ['no JSON', () => '{', 400, 'body_malformed'],
    ['2,000 payloads', () => ({ payloads: Array(2_000).fill({}) as unknown }), 400, 'body_malformed'],
    ['payloads that are none', () => ({ payloads: ['x'] }), 400, 'body_malformed'],
    ['data that is no base64', () => ({ payloads: [{ data: '%%%' }] }), 400, 'body_malformed'],
    [
      'payloads of 101 actions',
      async () => ({
        payloads: await Promise.all(Array.from({ length: 101 }, () => seal(workflowIdOf(ulid())))),
      }),
      400,
      'field_invalid',
    ],
  ] as [string, () => unknown, number, string][])('%s', async (_, make, status, code) => {
    const answer = await byToken(await make());
    expect([answer.status, answer.json['code']]).toEqual([status, code]);
  });

  it('and nothing is encoded', async () => {
    const answer = await ask('encode', { payloads: [] }, { authorization: `Bearer ${token}` });
    expect([answer.status, answer.json['code']]).toEqual([403, 'forbidden']);
  });

  it('for each person, by the keys that Vault may be asked for', async () => {
    const authorization = `Bearer ${await issuer.token({ claims: { sub: 'ana' } })}`;
    const forged = Array.from({ length: 700 }, (_, index) => {
      const key = `vault:v1:${Buffer.from(`key ${String(index)}`).toString('base64')}`;
      return { ...sealed, metadata: { ...sealed.metadata, 'encryption-key': base64(Buffer.from(key)) } };
    });
    const answer = await ask('decode', { payloads: forged }, { authorization });
    expect([answer.status, answer.json['code']]).toEqual([429, 'quota_exceeded']);
  });

  it('for each person, by the minute', async () => {
    const mallory = await issuer.token({ claims: { sub: 'ben' } });
    const authorization = `Bearer ${mallory}`;
    let last = 200;
    for (let asked = 0; asked < 3_000 && last === 200; asked += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => ask('decode', { payloads: [] }, { authorization })),
      );
      last = Math.max(...answers.map(({ status }) => status));
    }
    expect(last).toBe(429);
    expect((await byToken({ payloads: [] })).status).toBe(200);
  });
});
