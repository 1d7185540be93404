import { rm } from 'node:fs/promises';
import { ulid } from 'ulid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { startTestIssuer, type TestIssuer } from '../support/issuer.js';
import {
  beginSignIn,
  comeBack,
  cookieOf,
  placeholderConsole,
  signInToWeb,
  type ComingBack,
  type WebSession,
} from '../support/web-session.js';

let issuer: TestIssuer;
let gateway: TestGateway;
let consoleDir: string;
let carol: WebSession;

beforeAll(async () => {
  issuer = await startTestIssuer();
  consoleDir = await placeholderConsole();
  const extra = { COUNTERSIGN_CONSOLE_DIR: consoleDir, COUNTERSIGN_ASSURANCE_ACR_VALUES: 'phr,phrh' };
  gateway = await startTestGateway({ issuer: issuer.issuer, extra });
  carol = await signInToWeb(gateway, issuer);
});

afterAll(async () => {
  await gateway.stop();
  await issuer.stop();
  await rm(consoleDir, { recursive: true, force: true });
});

const nowSeconds = () => Math.floor(Date.now() / 1_000);
const FROM_PAGE = { 'sec-fetch-site': 'same-origin' };

describe('a page of the full view', () => {
  it.each(['/', '/queue', '/actions', `/view/${ulid()}`])('%s may run our own files only', async (path) => {
    const { status, headers, text } = await gateway.send('GET', path);
    expect(status).toBe(200);
    expect(text).toContain('<title>Countersign</title>');
    expect(headers.get('content-security-policy')?.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "font-src 'self'",
      "base-uri 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]);
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(headers.get('permissions-policy')).toContain('camera=()');
  });

  it.each([
    ['main-Ab12_-xY.js', 200, 'public, max-age=31536000, immutable'],
    ['icon.svg', 200, 'public, max-age=300'],
    ['gone-Ab12_-xY.js', 404, 'no-store'],
    ['..%2findex.html', 404, 'no-store'],
    ['%2e%2e/index.html', 404, 'no-store'],
  ])('/assets/%s is answered with %i and kept as %s', async (name, status, cached) => {
    const answer = await gateway.send('GET', `/assets/${name}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('cache-control')).toBe(cached);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('a sign-in', () => {
  it('asks the provider for PKCE, a nonce, and when the person last signed in', async () => {
    const { asked } = await beginSignIn(gateway);
    expect(Object.fromEntries(asked)).toMatchObject({ code_challenge_method: 'S256', max_age: '28800' });
    expect(asked.has('prompt')).toBe(false);
    for (const name of ['state', 'nonce', 'code_challenge']) expect(asked.get(name)).toMatch(/^[\w-]{43}$/);
  });

  it('that is fresh asks for the person anew', async () => {
    const { asked } = await beginSignIn(gateway, '?fresh=1');
    expect(Object.fromEntries(asked)).toMatchObject({ prompt: 'login', max_age: '0', acr_values: 'phr phrh' });
  });

  it.each(['/', '/queue', '/actions?open=1&agent=export-bot', `/view/${ulid()}`])('leads back to %s', async (path) => {
    const begun = await beginSignIn(gateway, `?returnTo=${encodeURIComponent(path)}`);
    const { status, headers } = await comeBack(gateway, issuer, begun);
    expect([status, headers.get('location')]).toEqual([303, path]);
  });

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/view/../../evil',
    '/%2f/evil.example',
    '/queue/../..//evil.example',
    '/queue?x=\r\nSet-Cookie: a=b',
    '/queue#//evil.example',
    'javascript:alert(1)',
    '/v1/actions',
    '/callback?code=x',
    '/sign-out',
    '',
  ])('leads nowhere else: %j', async (returnTo) => {
    const answer = await gateway.send('GET', `/sign-in?returnTo=${encodeURIComponent(returnTo)}`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('location')).toBeNull();
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.text).toContain('returnTo must be the path of a page here');
  });

  const attacks: [name: string, coming: ComingBack, status?: number][] = [
    ['in a browser that began none', { cookie: '' }],
    ['with a guessed state', { query: { state: 'x'.repeat(43) } }],
    ['without a state', { query: { state: undefined } }],
    ['without a code', { query: { code: undefined } }],
    ['that the person gave up', { query: { code: undefined, error: 'access_denied' } }],
    ['of another provider', { query: { iss: 'https://evil.example' } }],
    ['that does not say of which provider', { query: { iss: undefined } }],
    ['with the nonce of another', { claims: { nonce: 'y'.repeat(43) } }],
    ['without a nonce', { claims: { nonce: undefined } }],
    ['for another client', { claims: { aud: 'countersign' } }],
    ['by another issuer', { claims: { iss: 'https://evil.example' } }],
    ['that is over', { claims: { exp: nowSeconds() - 61 } }],
    ['of nobody', { claims: { sub: '' } }],
    ['of somebody unlisted', { claims: { sub: 'mallory' } }, 403],
  ];
  it.each(attacks)('%s is no sign-in', async (_name, coming, status = 401) => {
    const answer = await comeBack(gateway, issuer, await beginSignIn(gateway), coming);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('location')).toBeNull();
    expect(cookieOf(answer)).not.toContain('countersign-session');
    expect(answer.text).toContain('<a href="/sign-in">Sign in</a>');
    expect(answer.text).not.toMatch(/<script|at .+:\d+/);
  });

  it('with the cookie of another sign-in is none', async () => {
    const [begun, other] = [await beginSignIn(gateway), await beginSignIn(gateway)];
    expect((await comeBack(gateway, issuer, begun, { cookie: other.cookie })).status).toBe(401);
  });

  it.each([
    ['says nothing of when', {}, 401],
    ['says of long ago', { auth_time: nowSeconds() - 3_600 }, 401],
    ['says it in words', { auth_time: 'now' }, 401],
    ['says of just now', { auth_time: nowSeconds() }, 303],
  ])('that must be fresh, of a provider that %s', async (_name, claims, status) => {
    const begun = await beginSignIn(gateway, '?fresh=1');
    expect((await comeBack(gateway, issuer, begun, { claims })).status).toBe(status);
  });

  it('never goes on in a session that the browser brought along, and ends that one', async () => {
    const planted = await signInToWeb(gateway, issuer, { claims: { sub: 'ben' } });
    const own = await signInToWeb(gateway, issuer, { cookie: planted.cookie });
    expect(own.csrf).not.toBe(planted.csrf);
    expect((await own.send('GET', '/session')).json).toMatchObject({ person: { id: 'carol' } });
    expect((await planted.send('GET', '/session')).status).toBe(401);
  });
});

describe('a session', () => {
  it('tells who is signed in, how and until when', async () => {
    const authTime = nowSeconds() - 5;
    const session = await signInToWeb(gateway, issuer, { claims: { auth_time: authTime, acr: 'phr' } });
    const { status, json } = await session.send('GET', '/session');
    expect(status).toBe(200);
    expect(json).toEqual({
      person: { id: 'carol', name: expect.any(String) as string, groups: ['data-owner', 'dba'] },
      signedInAtMs: expect.any(Number) as number,
      authTimeMs: authTime * 1_000,
      acr: 'phr',
      expiresAtMs: (json['signedInAtMs'] as number) + 8 * 60 * 60 * 1_000,
      csrf: session.csrf,
    });
  });

  it('stands in for a token where people read', async () => {
    for (const path of ['/v1/actions', '/v1/queue', '/v1/incidents'])
      expect((await carol.send('GET', path)).status).toBe(200);
  });

  it.each<[string, Record<string, string>, number]>([
    ['a page of ours', FROM_PAGE, 200],
    ['the address bar', { 'sec-fetch-site': 'none' }, 200],
    ['a browser that does not say', {}, 200],
    ['a browser that says our origin', { origin: 'http://countersign.test' }, 200],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 401],
    ['a neighbour of the same site', { 'sec-fetch-site': 'same-site' }, 401],
    ['a browser that says another origin', { origin: 'http://evil.test' }, 401],
    ['a frame of no origin', { origin: 'null' }, 401],
  ])('read by %s', async (_name, headers, status) => {
    for (const path of ['/session', '/v1/queue'])
      expect((await gateway.send('GET', path, { headers: { cookie: carol.cookie, ...headers } })).status).toBe(status);
  });

  const proof = () => ({ 'x-countersign-csrf': carol.csrf });
  const changes: [string, () => Promise<Record<string, string>> | Record<string, string>, number, string][] = [
    ['a page of ours', () => ({ ...FROM_PAGE, ...proof() }), 404, 'action_unknown'],
    [
      'a browser that says our origin',
      () => ({ origin: 'http://countersign.test', ...proof() }),
      404,
      'action_unknown',
    ],
    ['a page of ours without the token', () => FROM_PAGE, 403, 'forbidden'],
    ['a page of ours with an empty token', () => ({ ...FROM_PAGE, 'x-countersign-csrf': '' }), 403, 'forbidden'],
    [
      "a page of ours with another session's token",
      async () => ({ ...FROM_PAGE, 'x-countersign-csrf': (await signInToWeb(gateway, issuer)).csrf }),
      403,
      'forbidden',
    ],
    ['another site with the token', () => ({ 'sec-fetch-site': 'cross-site', ...proof() }), 403, 'forbidden'],
    ['a neighbour with the token', () => ({ 'sec-fetch-site': 'same-site', ...proof() }), 403, 'forbidden'],
    ['the address bar', () => ({ 'sec-fetch-site': 'none', ...proof() }), 403, 'forbidden'],
    ['another origin', () => ({ origin: 'http://evil.test', ...proof() }), 403, 'forbidden'],
    ['no origin', () => ({ origin: 'null', ...proof() }), 403, 'forbidden'],
    ['a browser that does not say', proof, 403, 'forbidden'],
    [
      'another site whose Origin is made ours',
      () => ({ 'sec-fetch-site': 'cross-site', origin: 'http://countersign.test', ...proof() }),
      403,
      'forbidden',
    ],
  ];
  it.each(changes)('changes something for %s', async (_name, make, status, code) => {
    const headers = { cookie: carol.cookie, 'idempotency-key': ulid(), ...(await make()) };
    const body = { decision: 'deny', reason: 'No', actionDigest: 'a'.repeat(64) };
    const answer = await gateway.send('POST', `/v1/actions/${ulid()}/decision`, { headers, body });
    expect(answer).toMatchObject({ status, json: { code } });
  });

  it('asks nothing of who comes by a token, whatever cookies came along', async () => {
    const headers = { cookie: carol.cookie, 'sec-fetch-site': 'cross-site', 'idempotency-key': ulid() };
    const authorization = `Bearer ${await issuer.token({ claims: { sub: 'ben' } })}`;
    const body = { decision: 'deny', reason: 'No', actionDigest: 'a'.repeat(64) };
    const path = `/v1/actions/${ulid()}/decision`;
    expect(await gateway.send('POST', path, { headers, body, authorization })).toMatchObject({
      status: 404,
      json: { code: 'action_unknown' },
    });
    const refused = { status: 401, json: { code: 'unauthenticated' } };
    expect(await carol.send('GET', '/v1/queue', { authorization: 'Bearer e30.e30.e30' })).toMatchObject(refused);
  });

  it("is nothing on an agent's routes", async () => {
    const { actionId, envelope } = await gateway.sign();
    expect((await gateway.send('POST', '/v1/actions', { body: envelope })).status).toBe(202);
    const refused = { status: 401, json: { code: 'unauthenticated' } };
    expect(await carol.send('GET', `/v1/actions/${actionId}/output`)).toMatchObject(refused);
    const withdrawal = await carol.send('POST', `/v1/actions/${actionId}/withdrawal`, { body: {} });
    expect(withdrawal).toMatchObject({ status: 400, json: { code: 'envelope_malformed' } });
  });

  it('of two by the same name is none: one of them was planted', async () => {
    const headers = { cookie: `${carol.cookie}; ${carol.cookie}`, ...FROM_PAGE };
    expect((await gateway.send('GET', '/session', { headers })).status).toBe(401);
  });

  it('that was signed out is refused when its cookie is replayed', async () => {
    const session = await signInToWeb(gateway, issuer);
    const unproven = await session.send('POST', '/sign-out', { headers: { 'x-countersign-csrf': 'x' } });
    expect(unproven.status).toBe(403);
    const answer = await session.send('POST', '/sign-out');
    expect(answer.status).toBe(204);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^countersign-session=; Max-Age=0; .*HttpOnly/),
    ]);
    for (const path of ['/session', '/v1/queue', '/v1/actions'])
      expect((await session.send('GET', path)).status).toBe(401);
    expect((await session.send('POST', '/sign-out')).status).toBe(401);
    expect((await carol.send('GET', '/session')).status).toBe(200);
  });
});
