import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { createVaultClient, type VaultClient } from '../../../src/vault/client.js';
import { scrub } from '../../../src/vault/vault-fault.js';

const require = createRequire(import.meta.url);
type DebugPackage = ((name: string) => (said: string) => void) & Record<'enable' | 'disable', (names?: string) => void>;

const TOKEN = 'hvs.CANARYCANARYCANARYCANARY';
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** A server that answers as it is told, as Vault or something in its place might. */
async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ address: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, seen };
}

const clientOf = (address: string, timeoutMs = 2_000): VaultClient =>
  createVaultClient({ address, credential: () => new Secret(TOKEN), timeoutMs });
const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

describe('the Vault client', () => {
  it.each([
    [200, undefined],
    [204, undefined],
    [400, false],
    [403, false],
    [404, false],
    [412, true],
    [429, true],
    [500, true],
    [502, true],
    [503, true],
  ])('makes of status %i a fault that is temporary: %s', async (status, temporary) => {
    const { address } = await serve((_, response) => {
      if (status === 204) response.writeHead(204).end();
      else json(response, status, { errors: ['why'] });
    });
    const answer = clientOf(address).read('sys/x');
    if (temporary === undefined) await expect(answer).resolves.toBeDefined();
    else
      await expect(answer).rejects.toMatchObject({
        name: 'ServiceFault',
        service: 'vault',
        status,
        temporary,
        answers: ['why'],
      });
  });

  it('is a temporary fault when nobody answers, and when the answer takes too long', async () => {
    await expect(clientOf('http://127.0.0.1:1').read('sys/x')).rejects.toMatchObject({ status: null, temporary: true });
    const { address } = await serve(() => undefined);
    await expect(clientOf(address, 50).read('sys/x')).rejects.toThrow(/no answer within 50 ms/);
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['stalls half way', (response) => void response.write('{"data":'), /no answer within 300 ms/],
    ['breaks off', (response) => void response.write('{"data":', () => response.destroy()), /aborted/],
    [
      'is for another protocol',
      ({ socket }) =>
        void socket?.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
      /no answer within 300 ms/,
    ],
    ['is endless', (response) => void response.end(Buffer.alloc(9 * 1024 * 1024)), /too large/],
  ])('is a temporary fault when the answer %s', async (_, write, message) => {
    const { address } = await serve((_request, response) => {
      response.statusCode = 200;
      write(response);
    });
    const asked = clientOf(address, 300).read('sys/x');
    await expect(asked).rejects.toMatchObject({ status: null, temporary: true });
    await expect(asked).rejects.toThrow(message);
  });

  it('follows no redirect, so that the token goes nowhere else', async () => {
    const other = await serve((_, response) => {
      json(response, 200, {});
    });
    const { address } = await serve((_, response) => {
      response.writeHead(307, { location: `${other.address}/v1/sys/x` }).end();
    });
    await expect(clientOf(address).read('sys/x')).rejects.toMatchObject({ status: null });
    expect(other.seen).toEqual([]);
  });

  it.each(['sys/../auth/token', 'a//b', '/a', 'a/', 'a/%2e%2e/b', 'a?list=true', 'a b', '', '..', 'a/.', 'a#b'])(
    'refuses the path "%s" before it is sent',
    async (path) => {
      const { address, seen } = await serve((_, response) => {
        json(response, 200, {});
      });
      await expect(clientOf(address).read(path)).rejects.toThrow(/plain segments/);
      expect(seen).toEqual([]);
    },
  );

  it('sends the token of the client, or that of the one request, and a wrapping time when asked', async () => {
    const { address, seen } = await serve((_, response) => {
      json(response, 200, {});
    });
    await clientOf(address).write('a', {}, { wrapTtlSeconds: 60 });
    await clientOf(address).read('a', { credential: new Secret('other') });
    expect(
      seen.map(({ method, url, headers }) => [method, url, headers['x-vault-token'], headers['x-vault-wrap-ttl']]),
    ).toEqual([
      ['POST', '/v1/a', TOKEN, '60s'],
      ['GET', '/v1/a', 'other', undefined],
    ]);
  });

  it('takes neither token, namespace nor prefix from the environment', async () => {
    for (const name of ['VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_PREFIX']) vi.stubEnv(name, '/from-the-environment');
    const { address, seen } = await serve((_, response) => {
      json(response, 200, {});
    });
    await createVaultClient({ address, credential: () => null }).read('a');
    expect(seen[0]?.url).toBe('/v1/a');
    expect(inspect(seen[0]?.headers)).not.toContain('from-the-environment');
  });

  it('shows no secret in faults, whatever the other side echoes', async () => {
    const { address } = await serve((request, response) => {
      json(response, 500, {
        errors: [`bad token ${String(request.headers['x-vault-token'])} for postgres://u:PASSWORDCANARY@db/x`],
        data: { password: 'PASSWORDCANARY' },
      });
    });
    const client = clientOf(address);
    const error: unknown = await client.write('a', { password: 'PASSWORDCANARY' }).catch((thrown: unknown) => thrown);
    const seen = [
      inspect(error, { depth: 20, showHidden: true }),
      JSON.stringify(error),
      inspect(client, { depth: 20, showHidden: true }),
    ].join('\n');
    expect(seen).not.toContain('CANARY');
    expect(seen).toContain('[redacted]');
  });

  it('prints nothing of its own under DEBUG', async () => {
    // DEBUG is read when the package is loaded; this is the same afterwards.
    const debug = createRequire(require.resolve('node-vault'))('debug') as DebugPackage;
    debug.enable('*');
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    debug('node-vault')('is heard');
    expect(inspect(write.mock.calls)).toContain('is heard');
    const { address } = await serve((_, response) => {
      json(response, 200, { data: { secret: 'CANARY' } });
    });
    await clientOf(address).write('a', { secret_id: 'CANARY' });
    expect(inspect(write.mock.calls)).not.toContain('CANARY');
    write.mockRestore();
    debug.disable();
  });
});

describe('scrub', () => {
  it.each([
    ['invalid accessor', 'invalid accessor'],
    ['1 error occurred:\n\t* permission denied\n\n', '1 error occurred: * permission denied'],
    ['token s.abcdefghijklmnopqrstuvwx is bad', 'token [redacted] is bad'],
    ['hvs.CAESIabcdefghijklmnop-_', '[redacted]'],
    ['dial postgresql://user:p4ss@host:5432/db', 'dial postgresql://[redacted]@host:5432/db'],
    ['password="hunter2" rest', 'password=[redacted] rest'],
  ])('makes of %j %j', (text, scrubbed) => {
    expect(scrub(text)).toBe(scrubbed);
  });

  it('cuts what is long', () => {
    expect(scrub('x'.repeat(5_000))).toHaveLength(300);
  });
});
