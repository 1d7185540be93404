import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { locateLedgerCheck, locateSecuresystemslib } from '../../../apps/devstack/services/executables.js';
import { encodeEvidence, type Evidence } from '../../../src/evidence/format.js';
import { makeEvidence, openYard, type SigningYard } from '../../support/evidence.js';
import { signCheckpoint, someEntries, writeLedger } from '../../support/ledger-folder.js';
import { makeKey } from '../../support/signing.js';

// None of these shares a line with our verifier.
const scripts = fileURLToPath(new URL('../../../scripts/verifiers/', import.meta.url));

let yard: SigningYard;
let honest: Evidence;
let folder: string;

beforeAll(async () => {
  yard = await openYard();
  honest = (await makeEvidence(yard)).evidence;
  folder = await mkdtemp(join(tmpdir(), 'countersign-foreign-'));
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

interface Ran {
  code: number;
  said: string;
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(program, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, said: `${stdout}${stderr}` });
    });
  });
}

let written = 0;
async function fileOf(evidence: Evidence): Promise<string> {
  const path = join(folder, `${String((written += 1))}.json`);
  await writeFile(path, encodeEvidence(evidence));
  return path;
}

const rootKey = (): string => yard.root.publicKey.publicKey;
const keys = (): [root: string, agent: string] => [rootKey(), yard.agent.publicKey.publicKey];

const python = async (path: string, [root, agent] = keys()): Promise<Ran> =>
  run('python3', [join(scripts, 'verify_dsse.py'), path, root, agent], { PYTHONPATH: locateSecuresystemslib() });
const openssl = async (path: string, [root, agent] = keys()): Promise<Ran> =>
  run('sh', [join(scripts, 'verify_openssl.sh'), path, root, agent]);
const go = async (path: string, [root] = keys()): Promise<Ran> => run(locateLedgerCheck(), ['bundle', root, path]);

/** The same bundle, with one letter of a statement's payload changed. */
function withOtherPayload(): Evidence {
  const entries = honest.entries.map(({ envelope, proof }, at) =>
    at === 3 ? { envelope: { ...envelope, payload: changed(envelope.payload) }, proof } : { envelope, proof },
  );
  return { ...honest, entries };
}

function changed(base64: string): string {
  const bytes = Buffer.from(base64, 'base64');
  bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
  return bytes.toString('base64');
}

/** A place that the proof does not name. */
function withOtherProof(): Evidence {
  const entries = honest.entries.map(({ envelope, proof }, at) => ({
    envelope,
    proof:
      at === 3 ? (proof ?? '').replace(/^index (\d+)$/m, (_, index) => `index ${String(Number(index) + 1)}`) : proof,
  }));
  return { ...honest, entries };
}

describe("Python's securesystemslib", () => {
  it('verifies every envelope', async () => {
    expect(await python(await fileOf(honest))).toEqual({ code: 0, said: '11 envelopes verify\n' });
  });
  it('refuses a changed statement, and another root', async () => {
    expect(await python(await fileOf(withOtherPayload()))).toMatchObject({ code: 1 });
    const other = makeKey('root').publicKey.publicKey;
    expect((await python(await fileOf(honest), [other, keys()[1]])).code).toBe(1);
  });
});

describe('openssl', () => {
  it('verifies every envelope', async () => {
    const ran = await openssl(await fileOf(honest));
    expect(ran).toEqual({ code: 0, said: '12 envelopes verify, the keyring among them\n' });
  });
  it('refuses a changed statement, and another root', async () => {
    const ran = await openssl(await fileOf(withOtherPayload()));
    expect(ran).toMatchObject({ code: 1, said: expect.stringContaining('envelope 4') as string });
    const other = makeKey('root').publicKey.publicKey;
    expect(await openssl(await fileOf(honest), [other, keys()[1]])).toMatchObject({
      code: 1,
      said: expect.stringContaining('envelope 0') as string,
    });
  });
});

describe("Go's sumdb/note and sumdb/tlog", () => {
  it('find every statement in the ledger', async () => {
    expect(await go(await fileOf(honest))).toEqual({ code: 0, said: '11 of 11 entries are in the ledger\n' });
  });

  it('refuse a changed statement, another place, and another root', async () => {
    for (const forged of [withOtherPayload(), withOtherProof()])
      expect(await go(await fileOf(forged))).toMatchObject({
        code: 1,
        said: expect.stringContaining('entry 3: invalid transparency proof') as string,
      });
    const ran = await go(await fileOf(honest), [makeKey('root').publicKey.publicKey, '']);
    expect(ran).toMatchObject({ code: 1, said: expect.stringContaining('not signed by the root') as string });
  });

  it('read a mirror of the ledger tile by tile, and refuse one that is cut off, re-ordered or changed', async () => {
    const entries = someEntries(600);
    const keyring = join(folder, 'keyring.json');
    await writeFile(keyring, JSON.stringify(yard.sealedKeyring));
    const judge = async (name: string, present: readonly Uint8Array[]): Promise<Ran> => {
      const mirror = join(folder, name);
      await writeLedger(mirror, present, await signCheckpoint(yard, entries));
      return run(locateLedgerCheck(), ['tiles', rootKey(), keyring, mirror]);
    };
    expect(await judge('honest', entries)).toEqual({
      code: 0,
      said: '600 entries are in the ledger, in this order\n',
    });
    const swapped = [entries[1], entries[0], ...entries.slice(2)] as Uint8Array[];
    const others = [...entries.slice(0, 599), ...someEntries(1, 'another')];
    for (const [name, present] of Object.entries({ 'cut off': entries.slice(0, 500), swapped, others }))
      expect((await judge(name, present)).code, name).toBe(1);
  });
});
