import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createOidcIssuer } from '../../../src/channels/api/oidc-issuer.js';

let server: Server;
let issuer: string;
let answer: { status: number; body?: unknown; location?: string };

beforeEach(async () => {
  server = createServer((_, response) => {
    response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location });
    response.end(JSON.stringify(answer.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});

test('a provider is asked again after it could not be had, and is taken under its own name alone', async () => {
  const provider = createOidcIssuer(issuer, Date.now);
  const document = { issuer, jwks_uri: `${issuer}/keys` };
  const bad: [typeof answer, RegExp][] = [
    [{ status: 500 }, /cannot be reached/],
    [{ status: 302, location: `${issuer}/elsewhere` }, /cannot be reached/],
    [{ status: 200, body: { issuer } }, /has no usable discovery document/],
    [{ status: 200, body: { ...document, issuer: 'https://other.example' } }, /calls itself by another issuer name/],
  ];
  for (const [told, why] of bad) {
    answer = told;
    await expect(provider.discover()).rejects.toThrow(why);
    await expect(provider.verify('a.b.c', { audience: 'countersign' })).rejects.toMatchObject({ service: 'oidc' });
  }
  answer = { status: 200, body: document };
  expect(await provider.discover()).toEqual(document);
});

test('a provider that is reached over TLS may not send elsewhere for its keys', async () => {
  const secure = 'https://id.example';
  const document = { issuer: secure, jwks_uri: 'http://id.example/keys' };
  // A certificate that this process trusts would have to be named before it starts.
  const asked = vi.spyOn(globalThis, 'fetch').mockImplementation(async () => Response.json(document));
  try {
    const provider = createOidcIssuer(secure, Date.now);
    await expect(provider.discover()).rejects.toThrow(/names keys without TLS/);
    await expect(provider.verify('a.b.c', { audience: 'countersign' })).rejects.toThrow(/names keys without TLS/);
    document.jwks_uri = `${secure}/keys`;
    expect(await provider.discover()).toEqual(document);
  } finally {
    asked.mockRestore();
  }
});
