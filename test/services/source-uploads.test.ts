import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { createAgentSigner } from '../../src/client/agent-signer.js';
import { createGatewayAgent } from '../../src/client/gateway.js';
import { createSourceUploads } from '../../src/record/postgres-source-uploads.js';
import { SOURCE_LIMITS } from '../../src/record/source-uploads.js';
import { startTestGateway, type SendOptions, type TestGateway } from '../support/gateway.js';
import { makeKey } from '../support/signing.js';
import { tarOf } from '../support/tar.js';
import { run } from '../unit/cli/run.js';

const TARBALL = Buffer.from(tarOf({ 'main.tf': 'resource "terraform_data" "made" {}\n' }));
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const pathOf = (bytes: Uint8Array): string => `/v1/sources/${digestOf(bytes)}`;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await gateway.stop();
});

async function put(
  agent: 'export-bot' | 'second-bot',
  bytes: Uint8Array,
  change: SendOptions = {},
  path = pathOf(bytes),
) {
  const authorization = await gateway.agentHeader(agent, 'PUT', path);
  const headers = { 'content-type': 'application/octet-stream' };
  return gateway.send('PUT', path, { authorization, headers, body: bytes, ...change });
}

describe('an upload', () => {
  it('is kept encrypted, as its agent’s, and the same again changes nothing', async () => {
    const sha256 = digestOf(TARBALL);
    for (const agent of ['export-bot', 'export-bot', 'second-bot'] as const)
      expect(await put(agent, TARBALL)).toMatchObject({ status: 200, json: { sha256, bytes: TARBALL.length } });
    const { contents } = await gateway.installation.become('executor');
    expect(Buffer.from(await contents.get(sha256)).equals(TARBALL)).toBe(true);
    expect(await contents.isUploadedBy(sha256, 'export-bot')).toBe(true);
    expect(await contents.isUploadedBy(sha256, 'third-bot')).toBe(false);
    const { rows, sealed } = await gateway.installation.inRecord(async (client) => ({
      rows: (await client.query('select agent, bytes from countersign.source_uploads where digest = $1', [sha256]))
        .rows,
      sealed: (await client.query<{ sealed: Buffer }>('select sealed from countersign.contents')).rows,
    }));
    expect(rows).toHaveLength(2);
    for (const one of sealed) expect(one.sealed.includes('terraform_data')).toBe(false);
  });

  const big = Buffer.alloc(SOURCE_LIMITS.bytes + 1);
  it.each<[string, number, string, () => ReturnType<typeof put>]>([
    [
      'other bytes than the digest’s',
      409,
      'digest_mismatch',
      () => put('export-bot', TARBALL, { body: Buffer.from('x') }),
    ],
    ['more than the limit', 413, 'body_too_large', () => put('export-bot', big)],
    ['nothing', 400, 'body_malformed', () => put('export-bot', Buffer.alloc(0))],
    [
      'a path in place of a digest',
      400,
      'field_invalid',
      () => put('export-bot', TARBALL, {}, '/v1/sources/..%2f..%2fetc%2fpasswd'),
    ],
    ['nobody', 401, 'unauthenticated', () => gateway.send('PUT', pathOf(TARBALL), { body: TARBALL })],
    [
      'a token for another digest',
      401,
      'unauthenticated',
      async () => {
        const authorization = await gateway.agentHeader('export-bot', 'PUT', pathOf(Buffer.from('other')));
        return put('export-bot', TARBALL, { authorization });
      },
    ],
    [
      'a person',
      403,
      'forbidden',
      async () => put('export-bot', TARBALL, { authorization: `Bearer ${await gateway.signIn('paul')}` }),
    ],
    [
      'another kind of content',
      415,
      'media_type_unsupported',
      () => put('export-bot', TARBALL, { headers: { 'content-type': 'application/json' } }),
    ],
  ])('of %s is refused: %i %s', async (_, status, code, upload) => {
    expect(await upload()).toMatchObject({ status, json: { code } });
  });

  it('of a stranger is refused, whatever name it gives itself', async () => {
    const stranger = makeKey('agent/export-bot');
    const own = gateway.agents['export-bot'];
    gateway.agents['export-bot'] = { ...own, signer: stranger.signer };
    try {
      const bytes = randomBytes(600);
      expect(await put('export-bot', bytes)).toMatchObject({ status: 401, json: { code: 'unauthenticated' } });
      const { contents } = await gateway.installation.become('worker');
      await expect(contents.get(digestOf(bytes))).rejects.toMatchObject({ code: 'content_missing' });
    } finally {
      gateway.agents['export-bot'] = own;
    }
  });

  it('beyond the quota is refused, also when they come together; another agent has its own', async () => {
    const { pool, contents } = await gateway.installation.become('gateway');
    const uploads = createSourceUploads({ pool, contents, limits: { bytes: 100, bytesPerDay: 250, countPerDay: 3 } });
    const send = (agent: string, bytes: Buffer) =>
      uploads.put(agent, digestOf(bytes), bytes).then(
        () => 'kept',
        (error: unknown) => (error as { code: string }).code,
      );
    const many = Array.from({ length: 6 }, () => randomBytes(90));
    const answers = await Promise.all(many.map((bytes) => send('busy-bot', bytes)));
    expect(answers.sort()).toEqual(['kept', 'kept', ...Array.from({ length: 4 }, () => 'quota_exceeded')]);
    const [kept = ''] = await keptBy('busy-bot');
    expect(await send('busy-bot', many.find((bytes) => digestOf(bytes) === kept) ?? Buffer.alloc(0))).toBe('kept');
    expect(await send('busy-bot', randomBytes(60))).toBe('kept');
    // Three by count, though a few bytes were left.
    expect(await send('busy-bot', randomBytes(5))).toBe('quota_exceeded');
    expect(await send('idle-bot', randomBytes(90))).toBe('kept');
    expect(await send('idle-bot', randomBytes(101))).toBe('content_too_large');
  });

  async function keptBy(agent: string): Promise<string[]> {
    const text = 'select digest from countersign.source_uploads where agent = $1';
    const { rows } = await gateway.installation.inRecord((client) => client.query<{ digest: string }>(text, [agent]));
    return rows.map(({ digest }) => digest);
  }
});

describe('a client', () => {
  it('uploads by the library, as the agent whose key it has', async () => {
    const port = await createPortChooser().choose('gateway');
    const url = `http://127.0.0.1:${String(port)}`;
    const extra = { COUNTERSIGN_GATEWAY_PORT: String(port), COUNTERSIGN_PUBLIC_URL: url };
    const addressed = await startTestGateway({ extra });
    try {
      const { signer, publicKey } = addressed.agents['export-bot'];
      const agent = createGatewayAgent({ url, signer: { ...signer, agentId: 'export-bot', publicKey } });
      expect(await agent.upload(TARBALL)).toEqual({ kind: 'tarball', sha256: digestOf(TARBALL) });
      const stranger = createAgentSigner({ agentId: 'export-bot', privateKey: randomBytes(32).toString('base64') });
      await expect(createGatewayAgent({ url, signer: stranger }).upload(TARBALL)).rejects.toMatchObject({
        code: 'unauthenticated',
      });
    } finally {
      await addressed.stop();
    }
  });

  it('uploads by the command line first, and names the tarball and its folder in the request', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-upload-'));
    const sent: { method: string; url: string; body: Buffer }[] = [];
    const server = createServer((request, response) => {
      const { method = '', url = '' } = request;
      void buffer(request).then((body) => {
        sent.push({ method, url, body });
        response.writeHead(method === 'PUT' ? 200 : 202, { 'content-type': 'application/json' });
        const actionId = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
        response.end(JSON.stringify({ actionId, requestDigest: 'a'.repeat(64), state: 'preparing' }));
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const [keyFile, file] = [join(folder, 'agent.seed'), join(folder, 'configuration.tar')];
      await writeFile(keyFile, randomBytes(32).toString('base64'));
      await writeFile(file, TARBALL);
      const { port } = server.address() as AddressInfo;
      const where = ['--gateway', `http://127.0.0.1:${String(port)}`, '--agent', 'export-bot', '--key-file', keyFile];
      const what = ['--operation', 'infra.apply', '--param', 'target=network', '--reason', 'r', '--tarball', file];
      const asked = ['request', ...where, ...what];
      expect(await run([...asked, '--param', 'source:={"kind":"git"}'])).toMatchObject({ exitCode: 2 });
      expect(sent).toEqual([]);
      expect(await run([...asked, '--param', 'source:={"folder":"envs"}'])).toMatchObject({ exitCode: 0 });
      expect(sent.map(({ method, url }) => [method, url])).toEqual([
        ['PUT', pathOf(TARBALL)],
        ['POST', '/v1/actions'],
      ]);
      expect(sent[0]?.body.equals(TARBALL)).toBe(true);
      const { payload } = JSON.parse(sent[1]?.body.toString() ?? '') as { payload: string };
      const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString()) as {
        predicate: { body: { params: unknown } };
      };
      const source = { kind: 'tarball', sha256: digestOf(TARBALL), folder: 'envs' };
      expect(predicate.body.params).toEqual({ target: 'network', source });
    } finally {
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});
