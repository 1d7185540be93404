import { createPrivateKey, sign } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { locateLedgerCheck } from '../../apps/devstack/services/executables.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { decodeEvidence, encodeEvidence, type Evidence } from '../../src/evidence/format.js';
import { createEvidenceVerifier, type EvidenceVerdict } from '../../src/evidence/verify-bundle.js';
import { operations } from '../../src/operations/catalog.gen.js';
import { agentOf, personAt, PLAIN_EXPORT, until as untilView, type PersonAtGateway } from '../support/actors.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { run } from '../unit/cli/run.js';

let folder: string;
let root: string;
let stack: Stack;
let agent: CountersignGateway;
let ben: PersonAtGateway;
/** Approved and run before any key was rotated. */
let finished: string;

const inFolder = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-evidence-e2e-'));
  // As an operator does: the root is made on a machine of its own.
  const made = await run(['keyring', 'root', '--out', inFolder('root.pem'), '--json']);
  root = (JSON.parse(made.stdout) as { root: string }).root;
  const privateKey = createPrivateKey(await readFile(inFolder('root.pem')));
  const signer = {
    keyid: 'root',
    sign: async (messages: Uint8Array[]) => messages.map((message) => sign(null, message, privateKey)),
  };
  stack = await startStack({
    install: { root: { publicKey: { keyid: 'root', publicKey: root }, signer } },
    sweepSeconds: 1,
  });
  agent = agentOf(stack);
  ben = await personAt(stack, 'ben');
  finished = await hold();
  await ben.decideOn(finished, 'approve');
  await agent.wait(finished, { timeoutMs: 60_000 });
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true });
});

async function hold(): Promise<string> {
  const { actionId } = await agent.request(PLAIN_EXPORT);
  await untilView(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

async function fetchBytes(actionId: string): Promise<Uint8Array> {
  return new Uint8Array(await new Response(await ben.evidence(actionId)).arrayBuffer());
}

/** Once its history is archived and all of it is in the ledger. */
async function wholeEvidence(actionId: string): Promise<{ bytes: Uint8Array; evidence: Evidence }> {
  let bytes: Uint8Array = new Uint8Array();
  await until(async () => {
    bytes = await fetchBytes(actionId);
    const { entries, contents } = decodeEvidence(bytes);
    return contents.length > 0 && entries.every(({ proof }) => proof !== null);
  }, 60_000);
  return { bytes, evidence: decodeEvidence(bytes) };
}

async function verdictOf(bytes: Uint8Array): Promise<EvidenceVerdict> {
  return (await createEvidenceVerifier({ root, operations })(bytes)).verdict;
}

const faultsOf = ({ checks }: EvidenceVerdict): string[] => checks.flatMap(({ ok, what }) => (ok ? [] : [what]));

describe('the evidence of an action that ran', () => {
  it('holds offline, its history and its policy with it, and Go finds it in the ledger', async () => {
    const { bytes } = await wholeEvidence(finished);
    const verdict = await verdictOf(bytes);
    expect(faultsOf(verdict)).toEqual([]);
    const said = verdict.checks.map(({ what }) => what).join('\n');
    expect(said).toContain('Judged again by policy 1, it had the right to run: ben fill it');
    expect(said).toContain('1 archived history counts no decision and no withdrawal but those among the statements');
    const path = inFolder('finished.json');
    await writeFile(path, bytes);
    const { stdout } = await promisify(execFile)(locateLedgerCheck(), ['bundle', root, path]);
    expect(stdout).toMatch(/^(\d+) of \1 entries are in the ledger\n$/);
  });

  it('is verified and replayed by the command line, which says who did what and why', async () => {
    const path = inFolder('finished.json');
    const verified = await run(['verify', path, '--root', root]);
    expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Not proven:') as string });
    const replayed = await run(['replay', path, '--root', root]);
    expect(replayed.stdout).toContain('was replayed; its signatures hold');
    expect(replayed.stdout).toMatch(/ben approves, through api\n\s+looks right/);
    expect(replayed.stdout).toMatch(/agent export-bot asks for database\.export/);
    expect(replayed.exitCode).toBe(0);
  });

  it('is refused by the command line when it was changed', async () => {
    const bytes = Buffer.from(await readFile(inFolder('finished.json')));
    bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
    await writeFile(inFolder('changed.json'), bytes);
    for (const command of ['verify', 'replay'])
      expect(await run([command, inFolder('changed.json'), '--root', root])).toMatchObject({ exitCode: 3 });
  });

  it('is handed out to people only: it holds the whole policy', async () => {
    const asAgent = await run(['evidence', finished, '-o', inFolder('agents.json')], {
      environment: { COUNTERSIGN_GATEWAY_URL: stack.gatewayUrl, XDG_CONFIG_HOME: folder },
    });
    expect(asAgent.exitCode).toBe(7);
    expect((await fetch(`${stack.gatewayUrl}/v1/actions/${finished}/evidence`)).status).toBe(401);
  });

  it('is kept: nobody removes what is archived', async () => {
    const { evidence } = await wholeEvidence(finished);
    const sha256 = evidence.contents[0]?.sha256 ?? '';
    await expect(
      stack.installation.inRecord(async (client) =>
        client.query('delete from countersign.contents where digest = $1', [sha256]),
      ),
    ).rejects.toThrow('what is archived stays');
  });
});

describe('a history that was archived of another decision', () => {
  it('is told apart by the workflow itself: the signature does not hold in it', async () => {
    const { evidence } = await wholeEvidence(finished);
    const { base64, sha256 } = evidence.contents[0] ?? { base64: '', sha256: '' };
    const history = Buffer.from(base64, 'base64').toString();
    const { replayHistory } = await import('../../apps/cli/replay-history.js');
    expect(await replayHistory(`action/${finished}`, history)).toEqual({ ok: true });
    // The approval's signature, exchanged where the workflow reads it.
    const forged = withForgedDecision(history);
    expect(forged).not.toBe(history);
    expect(await replayHistory(`action/${finished}`, forged)).toMatchObject({ ok: false, kind: 'nondeterministic' });
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });
});

/** The same history, in which the accepted decision has another signature. */
function withForgedDecision(history: string): string {
  return history.replace(/"data": ?"([A-Za-z0-9+/=]+)"/g, (whole, data: string) => {
    const text = Buffer.from(data, 'base64').toString();
    if (!text.includes('"signatures"') || !text.includes('decision/')) return whole;
    const envelope = JSON.parse(text) as { signatures?: { sig: string }[] };
    const [signature] = envelope.signatures ?? [];
    if (signature === undefined) return whole;
    const sig = Buffer.from(signature.sig, 'base64');
    sig[0] = (sig[0] ?? 0) ^ 1;
    signature.sig = sig.toString('base64');
    return `"data":"${Buffer.from(JSON.stringify(envelope)).toString('base64')}"`;
  });
}

describe('keys that are rotated while an action waits', () => {
  it('sign from then on, and what the old ones signed still verifies', async () => {
    const waiting = await hold();
    const { transit } = stack.installation.vault.mounts;
    for (const purpose of ['decision', 'worker', 'executor', 'receipt', 'checkpoint'])
      await stack.installation.vaultAdmin.write(`${transit}/keys/${purpose}/rotate`, {});
    const { COUNTERSIGN_KEYRING_FILE: file = '' } = await stack.place.environmentOf('gateway');
    const older = await readFile(file, 'utf8');
    await rotate(file);
    await until(async () => numberIn(await fetchBytes(finished)) === 2);
    const { signsFromMs = 0 } = keysIn(await fetchBytes(finished)).find(({ keyid }) => keyid === 'decision/2') ?? {};
    await until(async () => Date.now() > signsFromMs);

    await ben.decideOn(waiting, 'approve');
    expect(await agent.wait(waiting, { timeoutMs: 60_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    const after = await wholeEvidence(waiting);
    expect(faultsOf(await verdictOf(after.bytes))).toEqual([]);
    const signers = new Set(after.evidence.entries.map(({ envelope }) => envelope.signatures[0]?.keyid));
    for (const keyid of ['worker/1', 'decision/2', 'executor/2', 'receipt/2']) expect(signers).toContain(keyid);
    // Made before, checked with the keyring of now.
    expect(faultsOf(await verdictOf((await wholeEvidence(finished)).bytes))).toEqual([]);
    await writeFile(inFolder('rotated.json'), after.bytes);
    expect((await run(['replay', inFolder('rotated.json'), '--root', root])).exitCode).toBe(0);

    // An older file, put back, is not taken.
    await writeFile(file, older);
    await until(async () => (await readFile(file, 'utf8')) === older);
    const next = await hold();
    await ben.decideOn(next, 'approve');
    expect(await agent.wait(next, { timeoutMs: 60_000 })).toMatchObject({ outcome: { status: 'succeeded' } });
    expect(numberIn(await fetchBytes(next))).toBe(2);
  }, 180_000);
});

async function rotate(file: string): Promise<void> {
  const { vault } = inject('services');
  const environment = {
    COUNTERSIGN_VAULT_ADDRESS: vault.address,
    COUNTERSIGN_VAULT_TOKEN: vault.adminToken,
    COUNTERSIGN_VAULT_TRANSIT_MOUNT: stack.installation.vault.mounts.transit,
  };
  const exported = await run(['keyring', 'export', '--out', inFolder('keys.json')], { environment });
  expect(exported).toMatchObject({ exitCode: 0 });
  const rotated = await run(
    [
      ...[
        'keyring',
        'rotate',
        '--keys',
        inFolder('keys.json'),
        '--previous',
        file,
        '--out',
        inFolder('keyring-2.json'),
      ],
      ...['--root-key-file', inFolder('root.pem'), '--signs-in', '6s'],
    ],
    { nowMs: Date.now },
  );
  expect(rotated).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('+ decision/2') as string });
  await writeFile(file, await readFile(inFolder('keyring-2.json')));
}

interface Listed {
  number: number;
  keys: { keyid: string; signsFromMs?: number }[];
}

const keyringIn = (bytes: Uint8Array): Listed =>
  JSON.parse(Buffer.from(decodeEvidence(bytes).keyring.payload, 'base64').toString()) as Listed;
const numberIn = (bytes: Uint8Array): number => keyringIn(bytes).number;
const keysIn = (bytes: Uint8Array): Listed['keys'] => keyringIn(bytes).keys;

it('a bundle is the same bytes when it is written again', async () => {
  const { bytes, evidence } = await wholeEvidence(finished);
  expect(Buffer.from(encodeEvidence(evidence)).equals(Buffer.from(bytes))).toBe(true);
});
