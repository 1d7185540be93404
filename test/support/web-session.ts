import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import type { Answer, SendOptions, TestGateway } from './gateway.js';
import type { TestIssuer } from './issuer.js';

/** What stands for the full view where the page itself does not matter. */
export async function placeholderConsole(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-console-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Countersign</title>');
  await writeFile(join(folder, 'assets', 'main-Ab12_-xY.js'), 'export {};');
  await writeFile(join(folder, 'assets', 'icon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  return folder;
}

/** A sign-in under way: what the browser holds, and what the provider was asked. */
export interface BegunSignIn {
  /** The `Cookie` header. */
  cookie: string;
  asked: URLSearchParams;
}

/** A signed-in browser, as far as the gateway can tell. */
export interface WebSession {
  cookie: string;
  csrf: string;
  /** As a page of ours sends it. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
}

const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

/** Begins a sign-in with an issuer whose keys the test holds. */
export async function beginSignIn(gateway: TestGateway, query = ''): Promise<BegunSignIn> {
  const answer = await gateway.send('GET', `/sign-in${query}`);
  if (answer.status !== 302) throw new Error(`The sign-in did not begin: ${String(answer.status)} ${answer.text}`);
  return { cookie: cookieOf(answer), asked: new URL(answer.headers.get('location') ?? '').searchParams };
}

/** What an honest provider answers, but for the changes; undefined removes a claim. */
function idToken(issuer: TestIssuer, { asked }: BegunSignIn, claims: JWTPayload = {}): Promise<string> {
  const honest = { aud: 'countersign-console', client_id: undefined, nonce: asked.get('nonce') ?? '', ...claims };
  return issuer.token({ claims: honest, header: { typ: 'JWT' } });
}

/** Comes back from the provider. */
export async function comeBack(
  gateway: TestGateway,
  issuer: TestIssuer,
  begun: BegunSignIn,
  { claims = {}, query = {}, cookie = begun.cookie }: ComingBack = {},
): Promise<Answer> {
  issuer.willAnswer(await idToken(issuer, begun, claims));
  const honest = { code: 'c', state: begun.asked.get('state') ?? '', iss: issuer.issuer };
  const both: Record<string, string | undefined> = { ...honest, ...query };
  const sent = Object.entries(both).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  );
  const path = `/callback?${new URLSearchParams(sent).toString()}`;
  return gateway.send('GET', path, { headers: cookie === '' ? {} : { cookie } });
}

export interface ComingBack {
  claims?: JWTPayload;
  query?: Record<string, string | undefined>;
  cookie?: string;
}

export async function signInToWeb(
  gateway: TestGateway,
  issuer: TestIssuer,
  { claims, cookie = '' }: { claims?: JWTPayload; cookie?: string } = {},
): Promise<WebSession> {
  const begun = await beginSignIn(gateway);
  const both = [begun.cookie, cookie].filter((one) => one !== '').join('; ');
  const answer = await comeBack(gateway, issuer, begun, { ...(claims && { claims }), cookie: both });
  if (answer.status !== 303) throw new Error(`Nobody was signed in: ${String(answer.status)} ${answer.text}`);
  return openSession(gateway, cookieOf(answer));
}

async function openSession(gateway: TestGateway, cookie: string): Promise<WebSession> {
  const { status, json } = await gateway.send('GET', '/session', { headers: { cookie, ...SAME_ORIGIN } });
  if (status !== 200) throw new Error(`There is no session: ${JSON.stringify(json)}`);
  const csrf = json['csrf'] as string;
  return {
    cookie,
    csrf,
    send: (method, path, options = {}) => {
      const proof = method === 'GET' ? {} : { 'x-countersign-csrf': csrf };
      return gateway.send(method, path, {
        ...options,
        headers: { cookie, ...SAME_ORIGIN, ...proof, ...options.headers },
      });
    },
  };
}

/** The `Cookie` header after an answer's `Set-Cookie` headers. */
export function cookieOf({ headers }: Pick<Answer, 'headers'>): string {
  return headers
    .getSetCookie()
    .filter((header) => !header.includes('Max-Age=0'))
    .map((header) => header.split(';')[0] ?? '')
    .join('; ');
}
