import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createAgentSigner } from '../../../src/client/agent-signer.js';
import { signRequest, signWithdrawal, type RequestInput } from '../../../src/client/requests.js';
import { open, preAuthEncoding, type Envelope } from '../../../src/core/dsse.js';
import { Refusal } from '../../../src/core/errors.js';
import { digestOf } from '../../../src/core/json.js';
import { statementSchema } from '../../../src/core/schemas/statements.js';

const NOW_MS = 1_795_000_000_000;
const input: RequestInput = {
  agent: 'export-bot',
  operation: 'database.export',
  params: { target: 'orders', query: 'select 1' },
  reason: 'Monthly report',
  nowMs: NOW_MS,
};

function newPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

const signer = createAgentSigner({ agentId: 'export-bot', privateKey: newPem() });

describe('an agent’s signature', () => {
  it('makes a request that opens with the agent’s key and is what the schema says', async () => {
    const context = { link: 'https://traces.example/run/1', tainted: true };
    const { actionId, requestDigest, envelope, logs } = await signRequest(
      { ...input, ...context, logs: 'größer', lifetimeMs: 60_000 },
      signer,
    );
    const opened = open(envelope, [signer.publicKey]);
    if (!opened.ok) throw new Error(opened.fault);
    const { subject, predicate } = statementSchema('request').parse(opened.payload);
    expect(opened.keyid).toBe('agent/export-bot');
    expect(subject).toEqual([{ name: `action/${actionId}`, digest: { sha256: requestDigest } }]);
    expect(requestDigest).toBe(digestOf(predicate.body));
    expect(predicate.chain).toBeNull();
    const named = { sha256: createHash('sha256').update('größer').digest('hex'), bytes: 8 };
    const times = { requestedAtMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 };
    expect(predicate.body).toMatchObject({ logs: named, ...context, ...times });
    // Its text travels beside what was signed.
    expect(logs).toBe('größer');
    expect(JSON.stringify(opened.payload)).not.toContain('größer');
  });

  it('makes a withdrawal of that request', async () => {
    const { actionId, requestDigest } = await signRequest(input, signer);
    const opened = open(await signWithdrawal({ actionId, requestDigest, reason: 'Not needed' }, signer), [
      signer.publicKey,
    ]);
    if (!opened.ok) throw new Error(opened.fault);
    const { subject, predicate } = statementSchema('withdrawal').parse(opened.payload);
    expect(subject[0].digest.sha256).toBe(requestDigest);
    expect(predicate.body).toMatchObject({ actionId, agent: 'export-bot', reason: 'Not needed' });
  });

  it('is accepted by OpenSSL, and no more once a byte of the payload is another', async () => {
    const { envelope } = await signRequest(input, signer);
    expect(await opensslAccepts(envelope)).toBe(true);
    const payload = Buffer.from(envelope.payload, 'base64');
    payload[payload.length - 2] = (payload.at(-2) ?? 0) ^ 1;
    expect(await opensslAccepts({ ...envelope, payload: payload.toString('base64') })).toBe(false);
  });

  it('is the same from the seed as from PEM', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const seed = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url').toString('base64');
    const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const [fromSeed, fromPem] = [seed, pem].map((key) => createAgentSigner({ agentId: 'export-bot', privateKey: key }));
    expect(fromSeed?.publicKey).toEqual(fromPem?.publicKey);
    expect(await fromSeed?.sign([Buffer.from('x')])).toEqual(await fromPem?.sign([Buffer.from('x')]));
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey.export({ format: 'pem', type: 'pkcs8' });
  it.each([
    ['an RSA key', rsa.toString()],
    ['a seed of 31 bytes', randomBytes(31).toString('base64')],
    ['half a PEM', newPem().slice(0, 60)],
    ['text', 'correct horse battery staple'],
  ])('is not made with %s, and the complaint does not quote it', (_what, privateKey) => {
    const attempt = (): unknown => createAgentSigner({ agentId: 'export-bot', privateKey });
    expect(attempt).toThrow(expect.objectContaining({ code: 'field_invalid', field: 'privateKey' }));
    expect(attempt).not.toThrow(privateKey.split('\n').at(1) ?? privateKey);
  });

  it.each<[field: string, change: Partial<RequestInput>]>([
    ['agent', { agent: 'another-bot' }],
    ['operation', { operation: 'Database Export' }],
    ['reason', { reason: '' }],
    ['reason', { reason: 'x'.repeat(2_001) }],
    ['logs', { logs: 'x'.repeat(65_537) }],
    ['logs', { logs: 'ö'.repeat(32_769) }],
    ['link', { link: 'http://traces.example' }],
    ['link', { link: 'https://user:pass@traces.example' }],
    ['link', { link: 'https://' }],
    ['link', { link: 'javascript:alert(1)' }],
    ['link', { link: 'https://traces.example/a b' }],
    ['link', { link: `https://${'x'.repeat(493)}` }],
    ['lifetimeMs', { lifetimeMs: 0 }],
    ['lifetimeMs', { lifetimeMs: 15 * 86_400_000 }],
    ['lifetimeMs', { lifetimeMs: Number.NaN }],
    ['actionId', { actionId: 'mine' }],
  ])('is refused where %s is wrong', async (field, change) => {
    const refusal: unknown = await signRequest({ ...input, ...change }, signer).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'field_invalid', field });
  });
});

async function opensslAccepts(envelope: Envelope): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-openssl-'));
  const [message, signature, key] = ['message', 'signature', 'key.der'].map((name) => join(folder, name));
  if (message === undefined || signature === undefined || key === undefined) throw new Error('three names');
  try {
    const spki = Buffer.from('302a300506032b6570032100', 'hex');
    await writeFile(message, preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, 'base64')));
    await writeFile(signature, Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64'));
    await writeFile(key, Buffer.concat([spki, Buffer.from(signer.publicKey.publicKey, 'base64')]));
    const args = [
      'pkeyutl',
      '-verify',
      '-rawin',
      '-pubin',
      '-keyform',
      'DER',
      '-inkey',
      key,
      '-in',
      message,
      '-sigfile',
      signature,
    ];
    const { stdout } = await promisify(execFile)('openssl', args);
    return stdout.includes('Signature Verified Successfully');
  } catch (error) {
    // 1 is its answer "no"; without the program there is no answer.
    if ((error as { code?: unknown }).code === 1) return false;
    throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
}
