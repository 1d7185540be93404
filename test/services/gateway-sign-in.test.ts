import { generateKeyPairSync } from 'node:crypto';
import { ulid } from 'ulid';
import { importPKCS8, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_URL, startTestGateway, type TestGateway } from '../support/gateway.js';
import { startTestIssuer, type TestIssuer } from '../support/issuer.js';

let issuer: TestIssuer;
let gateway: TestGateway;

beforeAll(async () => {
  issuer = await startTestIssuer();
  gateway = await startTestGateway({ issuer: issuer.issuer });
});

afterAll(async () => {
  await gateway.stop();
  await issuer.stop();
});

const nowSeconds = () => Math.floor(Date.now() / 1_000);

describe("a person's token", () => {
  it('of the issuer, for this audience, of a listed subject, lets in', async () => {
    const authorization = `Bearer ${await issuer.token()}`;
    expect(await gateway.send('GET', '/v1/actions', { authorization })).toMatchObject({ status: 200 });
  });

  const attacks: [name: string, make: () => Promise<string | undefined>, status: number, code: string][] = [
    ['none', async () => undefined, 401, 'unauthenticated'],
    ['an empty one', async () => 'Bearer ', 401, 'unauthenticated'],
    ['two', async () => `Bearer ${await issuer.token()} ${await issuer.token()}`, 401, 'unauthenticated'],
    ['a password', async () => 'Basic Y2Fyb2w6cGFzcw==', 401, 'unauthenticated'],
    ['noise', async () => 'Bearer e30.e30.e30', 401, 'unauthenticated'],
    ['an expired one', () => bearer({ claims: { exp: nowSeconds() - 61 } }), 401, 'unauthenticated'],
    ['one of tomorrow', () => bearer({ claims: { nbf: nowSeconds() + 86_400 } }), 401, 'unauthenticated'],
    ['one without expiry', () => bearer({ claims: { exp: undefined } as never }), 401, 'unauthenticated'],
    ['one without time of issue', () => bearer({ claims: { iat: undefined } as never }), 401, 'unauthenticated'],
    ['one without subject', () => bearer({ claims: { sub: undefined } as never }), 401, 'unauthenticated'],
    ['one of an empty subject', () => bearer({ claims: { sub: '' } }), 401, 'unauthenticated'],
    ['one for another audience', () => bearer({ claims: { aud: 'payroll' } }), 401, 'unauthenticated'],
    ['one of another issuer', () => bearer({ claims: { iss: `${issuer.issuer}/` } }), 401, 'unauthenticated'],
    ['an ID token', () => bearer({ header: { typ: 'JWT' } }), 401, 'unauthenticated'],
    ['one that does not say its type', () => bearer({ header: { typ: undefined } as never }), 401, 'unauthenticated'],
    ['a logout token', () => bearer({ header: { typ: 'logout+jwt' } }), 401, 'unauthenticated'],
    ['one with a foreign key', () => foreign(), 401, 'unauthenticated'],
    ['one with alg none', async () => `Bearer ${await unsigned()}`, 401, 'unauthenticated'],
    ['one with HS256 and the public key', () => symmetric(), 401, 'unauthenticated'],
    ['one of a program', () => bearer({ claims: { sub: 'cli' } }), 401, 'unauthenticated'],
    ['one of a program, by azp', () => bearer({ claims: { sub: 'x', azp: 'x' } }), 401, 'unauthenticated'],
    ['one of somebody unlisted', () => bearer({ claims: { sub: 'mallory' } }), 403, 'person_unknown'],
    ['one whose subject differs in case', () => bearer({ claims: { sub: 'Carol' } }), 403, 'person_unknown'],
  ];

  it.each(attacks)('%s is turned away', async (_name, make, status, code) => {
    const authorization = await make();
    const answer = await gateway.send('GET', '/v1/actions', authorization === undefined ? {} : { authorization });
    expect(answer).toMatchObject({ status, json: { status, code } });
    if (status === 401) expect(answer.headers.get('www-authenticate')).toBe('Bearer, Countersign-Agent');
    expect(answer.text).not.toMatch(/at .+:\d+|node_modules/);
  });

  it('is a matter of the provider when the provider is away', async () => {
    const away = await startTestGateway({ issuer: 'http://127.0.0.1:9' });
    try {
      const answer = await away.send('GET', '/v1/actions', { authorization: `Bearer ${await issuer.token()}` });
      expect(answer).toMatchObject({ status: 503, json: { code: 'unavailable' } });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      await away.stop();
    }
  });
});

describe("a person's token of a provider that marks access tokens `JWT`", () => {
  let lenient: TestGateway;
  beforeAll(async () => {
    lenient = await startTestGateway({ issuer: issuer.issuer, extra: { COUNTERSIGN_OIDC_TOKEN_TYPES: 'at+jwt,JWT' } });
  });
  afterAll(() => lenient.stop());

  it.each<[type: string | undefined, status: number]>([
    ['JWT', 200],
    ['jwt', 200],
    ['application/JWT', 200],
    [undefined, 200],
    ['at+jwt', 200],
    ['logout+jwt', 401],
    ['', 401],
  ])('%j', async (typ, status) => {
    const authorization = await bearer({ header: { typ } as { typ?: string } });
    expect((await lenient.send('GET', '/v1/actions', { authorization })).status).toBe(status);
  });

  it('for the client itself, as ID tokens are, is turned away', async () => {
    const authorization = await bearer({ header: { typ: 'JWT' }, claims: { aud: 'countersign-console' } });
    expect((await lenient.send('GET', '/v1/actions', { authorization })).status).toBe(401);
  });
});

describe('who knows only the address of the gateway', () => {
  it('learns where people sign in (RFC 9728)', async () => {
    const answer = await gateway.send('GET', '/.well-known/oauth-protected-resource');
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.json).toEqual({
      resource: PUBLIC_URL,
      authorization_servers: [issuer.issuer],
      bearer_methods_supported: ['header'],
    });
  });
});

const path = '/v1/actions';

describe("an agent's token", () => {
  it('lets in once', async () => {
    const authorization = await gateway.agentHeader('export-bot', 'GET', path);
    expect((await gateway.send('GET', path, { authorization })).status).toBe(200);
    const again = await gateway.send('GET', path, { authorization });
    expect(again).toMatchObject({
      status: 401,
      json: { code: 'unauthenticated', detail: expect.stringContaining('already used') as unknown },
    });
  });

  it('lets in once, also when it is sent many times together', async () => {
    const authorization = await gateway.agentHeader('export-bot', 'GET', path);
    const answers = await Promise.all(Array.from({ length: 10 }, () => gateway.send('GET', path, { authorization })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  const attacks: [name: string, change: AgentChange][] = [
    ['for another method', { claims: { htm: 'POST' } }],
    ['for another address', { claims: { htu: `${PUBLIC_URL}/v1/actions/x` } }],
    ['for another host', { claims: { htu: 'http://elsewhere.test/v1/actions' } }],
    ['for another gateway', { claims: { aud: 'http://elsewhere.test' } }],
    ['without a jti', { claims: { jti: undefined } }],
    ['with an empty jti', { claims: { jti: '' } }],
    ['with a number as jti', { claims: { jti: 7 } }],
    ['with a jti of 201 characters', { claims: { jti: 'x'.repeat(201) } }],
    ['of long ago', { claims: { iat: nowSeconds() - 200, exp: nowSeconds() - 140 } }],
    ['that holds for an hour', { claims: { exp: nowSeconds() + 3_600 } }],
    ['issued long ago that still holds', { claims: { iat: nowSeconds() - 3_600, exp: nowSeconds() + 30 } }],
    ['issued in the name of another agent', { claims: { iss: 'second-bot' } }],
    ['about another agent', { claims: { sub: 'second-bot' } }],
    ['with the key id of another agent', { kid: 'agent/second-bot' }],
    ['of an unknown agent', { kid: 'agent/ghost-bot' }],
    ['with alg none', { alg: 'none' }],
    ['with HS256 and the public key', { alg: 'HS256' }],
  ];

  it.each(attacks)('%s is turned away', async (_name, change) => {
    const authorization = `Countersign-Agent ${await agentToken(change)}`;
    expect(await gateway.send('GET', path, { authorization })).toMatchObject({
      status: 401,
      json: { code: 'unauthenticated' },
    });
  });
});

describe('an agent', () => {
  it('sees nothing of another', async () => {
    const { actionId, envelope } = await gateway.sign({}, 'second-bot');
    await gateway.send('POST', '/v1/actions', { body: envelope });
    const ownPath = `/v1/actions/${actionId}`;
    const asItself = await gateway.agentHeader('second-bot', 'GET', ownPath);
    expect(await gateway.send('GET', ownPath, { authorization: asItself })).toMatchObject({ status: 200 });
    const paths = [ownPath, ...['wait', 'statements', 'output'].map((end) => `${ownPath}/${end}`)];
    for (const each of paths) {
      const authorization = await gateway.agentHeader('export-bot', 'GET', each);
      expect(await gateway.send('GET', each, { authorization })).toMatchObject({
        status: 404,
        json: { code: 'action_unknown' },
      });
    }
    const authorization = await gateway.agentHeader('export-bot', 'GET', path);
    const listed = await gateway.send('GET', `${path}?agent=second-bot`, { authorization });
    expect(listed).toMatchObject({ status: 403, json: { code: 'forbidden', field: 'agent' } });
    const own = await gateway.send('GET', path, {
      authorization: await gateway.agentHeader('export-bot', 'GET', path),
    });
    expect(own.text).not.toContain(actionId);
  });

  it('is not told of webhooks, and has none sent again', async () => {
    for (const [method, each] of [
      ['GET', '/v1/webhooks/deliveries'],
      ['POST', `/v1/webhooks/deliveries/msg_${'0'.repeat(32)}/replay`],
    ] as const) {
      const authorization = await gateway.agentHeader('export-bot', method, each);
      expect(await gateway.send(method, each, { authorization })).toMatchObject({ status: 403 });
      expect(await gateway.send(method, each)).toMatchObject({ status: 401 });
    }
  });

  it('never decides, and the attempt is on record', async () => {
    const decisionPath = `/v1/actions/${ulid()}/decision`;
    const authorization = await gateway.agentHeader('export-bot', 'POST', decisionPath);
    const body = { decision: 'approve', reason: '', actionDigest: 'a'.repeat(64) };
    const headers = { 'idempotency-key': 'x' };
    const answer = await gateway.send('POST', decisionPath, { authorization, body, headers });
    expect(answer).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    expect(await gateway.refusals()).toContainEqual(
      expect.objectContaining({ code: 'forbidden', who: 'agent/export-bot' }),
    );
  });
});

interface AgentChange {
  claims?: Record<string, unknown>;
  kid?: string;
  alg?: string;
}

/** A token of export-bot for `GET /v1/actions`, but for the changes. */
async function agentToken({ claims = {}, kid = 'agent/export-bot', alg = 'EdDSA' }: AgentChange): Promise<string> {
  const { signer, publicKey } = gateway.agents['export-bot'];
  const honest = {
    iss: 'export-bot',
    sub: 'export-bot',
    aud: PUBLIC_URL,
    iat: nowSeconds(),
    exp: nowSeconds() + 60,
    jti: ulid(),
    htm: 'GET',
    htu: `${PUBLIC_URL}/v1/actions`,
  };
  const content = JSON.parse(JSON.stringify({ ...honest, ...claims })) as Record<string, unknown>;
  if (alg === 'HS256') {
    return new SignJWT(content).setProtectedHeader({ alg, kid }).sign(Buffer.from(publicKey.publicKey, 'base64'));
  }
  const signed = [{ alg, kid }, content]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const [signature] = alg === 'none' ? [new Uint8Array()] : await signer.sign([new TextEncoder().encode(signed)]);
  return `${signed}.${Buffer.from(signature ?? []).toString('base64url')}`;
}

async function bearer(change: Parameters<TestIssuer['token']>[0]): Promise<string> {
  return `Bearer ${await issuer.token(change)}`;
}

async function foreign(): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = await importPKCS8(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'ES256');
  return bearer({ key });
}

async function symmetric(): Promise<string> {
  return bearer({ header: { alg: 'HS256' }, key: new TextEncoder().encode(issuer.publicPem) });
}

async function unsigned(): Promise<string> {
  const [, payload] = (await issuer.token()).split('.');
  const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url');
  return `${header}.${payload ?? ''}.`;
}
