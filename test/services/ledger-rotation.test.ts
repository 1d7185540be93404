import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { locateLedgerCheck } from '../../apps/devstack/services/executables.js';
import { startLedger } from '../../apps/notary/ledger.js';
import type { Runtime } from '../../apps/runtime.js';
import type { NotaryConfig } from '../../src/config/notary.js';
import { sealKeyring, type Keyring } from '../../src/core/keyring.js';
import { openNote } from '../../src/ledger/note.js';
import { createTransitSigners, readTransitKeys } from '../../src/vault/transit-signer.js';
import { becomeAll, installForTest, type TestInstallation, type TestProcess } from '../support/installation.js';
import { ORIGIN } from '../support/ledger.js';
import { makeKey } from '../support/signing.js';
import { recordRequest, refusalDraft } from '../support/statements.js';
import { until } from '../support/until.js';

const root = makeKey('root');
const execute = promisify(execFile);

let installation: TestInstallation;
let notary: TestProcess;
let gateway: TestProcess;
let folder: string;
const running: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  installation = await installForTest();
  ({ notary, gateway } = await becomeAll(installation));
  folder = await mkdtemp(join(tmpdir(), 'countersign-rotation-'));
});
afterAll(async () => {
  for (const { stop } of running) await stop();
  await installation.close();
  await rm(folder, { recursive: true, force: true });
});

/** The checkpoint in the mirror, once it covers so many statements. */
async function mirrored(size: number): Promise<string> {
  const note = (): Promise<string> => readFile(join(folder, 'mirror', 'checkpoint'), 'utf8').catch(() => '');
  await until(async () => (await note()).split('\n')[1] === String(size));
  return note();
}

/** Who signed a note, by a keyring. */
function signerOf(note: string, { keys }: Keyring): string | undefined {
  const listed = keys.filter(({ purpose }) => purpose === 'checkpoint');
  const opened = openNote(
    note,
    listed.map(({ publicKey }) => ({ name: ORIGIN, publicKey })),
  );
  const [by] = opened.ok ? opened.signedBy : [];
  return listed.find(({ publicKey }) => publicKey === by?.publicKey)?.keyid;
}

/** What Go's sumdb says of the mirror, by a keyring. */
async function foreignVerdict(keyring: Keyring): Promise<string> {
  const file = join(folder, `keyring-${String(keyring.number)}.json`);
  await writeFile(file, JSON.stringify(await sealKeyring(keyring, root.signer)));
  const args = ['tiles', root.publicKey.publicKey, file, join(folder, 'mirror')];
  const ran = await execute(locateLedgerCheck(), args).catch((error: unknown) => error as { stderr: string });
  return 'stdout' in ran && ran.stderr === '' ? ran.stdout : ran.stderr;
}

describe('the sequencer, when the key for checkpoints is rotated while it sequences', () => {
  it('signs with the version that the keyring in force names by now; what the old one signed stays verifiable', async () => {
    const { transit: mount } = installation.vault.mounts;
    const { vault: client, pool, record } = notary;
    const first: Keyring = { number: 1, keys: await readTransitKeys(installation.vaultAdmin, mount) };
    let keyring = first;
    const errors: unknown[] = [];
    const inForce = { keyring: () => keyring, clock: Date.now };
    const runtime = {
      ...{ pool, record, ...inForce },
      signers: createTransitSigners({ client, mount, purposes: ['checkpoint'], ...inForce }),
      logger: { error: (what: unknown) => void errors.push(what) },
      onInternal: (error: unknown) => void errors.push(error),
    } as unknown as Runtime;
    const config = {
      COUNTERSIGN_LEDGER_ORIGIN: ORIGIN,
      COUNTERSIGN_LEDGER_MIRROR_DIR: join(folder, 'mirror'),
      COUNTERSIGN_LEDGER_CHECK_MINUTES: 60,
    } as NotaryConfig;
    const start = (): void => {
      running.push(startLedger(config, runtime));
    };
    const stop = async (): Promise<void> => running.pop()?.stop();
    start();
    const request = await recordRequest(gateway.record, installation.agent);
    const insert = (count: number) =>
      gateway.record.append(Array.from({ length: count }, (_, at) => refusalDraft(request, `No ${String(at)}.`)));

    await insert(299);
    const old = await mirrored(300);
    await installation.vaultAdmin.write(`${mount}/keys/checkpoint/rotate`, {});
    // Nobody signs with a version that no keyring lists: others could not verify it.
    await insert(5);
    expect(signerOf(await mirrored(305), first)).toBe('checkpoint/1');
    keyring = { number: 2, keys: await readTransitKeys(installation.vaultAdmin, mount) };
    await insert(5);
    const rotated = await mirrored(310);
    expect([signerOf(rotated, keyring), signerOf(old, keyring)]).toEqual(['checkpoint/2', 'checkpoint/1']);
    expect(await foreignVerdict(keyring)).toBe('310 entries are in the ledger, in this order\n');
    expect(await foreignVerdict({ ...first, number: 3 })).not.toContain('in this order');
    await stop();

    // Who takes over then finds nothing wrong with what either version signed.
    start();
    await insert(1);
    expect(signerOf(await mirrored(311), keyring)).toBe('checkpoint/2');
    await stop();
    expect([errors, await record.alarms()]).toEqual([[], []]);
  });
});
