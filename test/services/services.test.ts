import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServices, type Services } from '../../apps/devstack/services/services.js';
import { isAlive } from './is-alive.js';

const people = [
  { id: 'ada', email: 'ada@example.com', name: 'Ada' },
  { id: 'grace', email: 'grace@example.com', name: 'Grace' },
];

let folder: string;
let services: Services;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-services-test-'));
  services = await startServices({
    logDirectory: folder,
    temporal: {
      namespace: 'countersign',
      searchAttributes: { CountersignState: 'Keyword', CountersignDeadline: 'Datetime' },
    },
    vault: { auditFile: join(folder, 'audit.log') },
    oidc: { people },
  });
}, 60_000);

afterAll(async () => {
  await services.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the development services', () => {
  it('Temporal serves the namespace, its search attributes and its UI', async () => {
    const { address, namespace, uiUrl } = services.temporal;
    const connection = await Connection.connect({ address });
    try {
      const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
      expect(namespaceInfo?.name).toBe('countersign');
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      expect(Object.keys(customAttributes)).toEqual(
        expect.arrayContaining(['CountersignState', 'CountersignDeadline']),
      );
    } finally {
      await connection.close();
    }
    expect((await fetch(uiUrl)).status).toBe(200);
  });

  it('Vault is unsealed, signs and verifies with transit, and audits', async () => {
    expect(await (await fetch(`${services.vault.address}/v1/sys/health`)).json()).toMatchObject({
      initialized: true,
      sealed: false,
    });
    await vault('sys/mounts/transit', { type: 'transit' });
    await vault('transit/keys/decision', { type: 'ed25519' });
    const input = Buffer.from('an action digest').toString('base64');
    const signed = await vault('transit/sign/decision', { input });
    const { signature } = (signed as { data: { signature: string } }).data;
    expect(await vault('transit/verify/decision', { input, signature })).toMatchObject({ data: { valid: true } });
    const forged = Buffer.from('another digest').toString('base64');
    expect(await vault('transit/verify/decision', { input: forged, signature })).toMatchObject({
      data: { valid: false },
    });
    expect(await readFile(join(folder, 'audit.log'), 'utf8')).toContain('transit/sign/decision');
  });

  it('PostgreSQL is 18, listens on loopback only, and takes 200 connections', async () => {
    const client = new pg.Client({ connectionString: services.postgres.adminUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{
        version: string;
        addresses: string;
        connections: string;
        encoding: string;
      }>(
        "select version(), current_setting('listen_addresses') addresses, current_setting('max_connections') connections, current_setting('server_encoding') encoding",
      );
      expect(rows[0]?.version).toMatch(/^PostgreSQL 18\./);
      expect(rows[0]).toMatchObject({ addresses: '127.0.0.1', connections: '200', encoding: 'UTF8' });
    } finally {
      await client.end();
    }
  });
});

describe('the identity provider', () => {
  it.each(people)('signs $id in with a token that verifies', async ({ id, email }) => {
    const { issuer, jwksUri, audience } = services.oidc;
    const token = await services.oidc.signIn(id);
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), {
      issuer,
      audience,
      algorithms: ['ES256'],
    });
    expect(payload).toMatchObject({ sub: id, email, client_id: 'countersign-cli' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3_600);
  });

  it('signs a person in to the console by code with PKCE', async () => {
    const { issuer, jwksUri, audience } = services.oidc;
    const redirectUri = 'http://127.0.0.1:4711/callback'; // RFC 8252: any port on loopback
    const verifier = randomBytes(32).toString('base64url');
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    const query = {
      client_id: 'countersign-console',
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid email',
    };
    const asked = await fetch(
      `${issuer}/auth?${String(new URLSearchParams({ ...query, code_challenge: challenge, code_challenge_method: 'S256' }))}`,
      { redirect: 'manual' },
    );
    const cookie = cookiesOf(asked);
    const login = new URL(asked.headers.get('location') ?? '', issuer);
    const picked = await fetch(login, {
      method: 'POST',
      headers: { cookie },
      body: new URLSearchParams({ person: 'grace' }),
      redirect: 'manual',
    });
    const resumed = await fetch(picked.headers.get('location') ?? '', { headers: { cookie }, redirect: 'manual' });
    const code = new URL(resumed.headers.get('location') ?? '').searchParams.get('code') ?? '';
    const exchange = {
      client_id: 'countersign-console',
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
    };
    const answered = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(exchange) });
    const { access_token: token } = (await answered.json()) as { access_token: string };
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)), { issuer, audience });
    expect(payload).toMatchObject({ sub: 'grace', client_id: 'countersign-console' });
  });

  it('signs nobody in whom it does not know', async () => {
    await expect(services.oidc.signIn('mallory')).rejects.toThrow(/did not sign mallory in/);
  });
});

describe('stopping', () => {
  it('leaves no process behind when stopped', async () => {
    const pids = [services.temporal.pid, services.vault.pid, services.postgres.pid];
    expect(pids.map(isAlive)).toEqual([true, true, true]);
    await services.stop();
    expect(pids.map(isAlive)).toEqual([false, false, false]);
    await expect(fetch(services.oidc.issuer)).rejects.toThrow();
  });
});

async function vault(path: string, body: Record<string, unknown>): Promise<unknown> {
  const { address, rootToken } = services.vault;
  const response = await fetch(`${address}/v1/${path}`, {
    method: 'POST',
    headers: { 'x-vault-token': rootToken },
    body: JSON.stringify(body),
  });
  expect(response.status, path).toBeLessThan(300);
  return response.status === 204 ? undefined : response.json();
}

function cookiesOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}
