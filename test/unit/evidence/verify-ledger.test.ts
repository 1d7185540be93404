import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { verifyLedger, type LedgerVerdict } from '../../../src/evidence/verify-ledger.js';
import { encodeBundle } from '../../../src/ledger/tiles.js';
import { openYard, ORIGIN, type SigningYard } from '../../support/evidence.js';
import { signCheckpoint, someEntries, writeLedger } from '../../support/ledger-folder.js';

// Two full tiles and a partial one.
const entries = someEntries(600);

let yard: SigningYard;
let folder: string;

beforeAll(async () => {
  yard = await openYard();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-ledger-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function judge(kept?: string, origin?: string): Promise<LedgerVerdict> {
  const asked = { ...(kept !== undefined && { kept }), ...(origin !== undefined && { origin }) };
  return verifyLedger(folder, { keyring: yard.keyring, ...asked });
}

const faultsOf = ({ checks }: LedgerVerdict): string => checks.flatMap(({ ok, what }) => (ok ? [] : [what])).join('\n');

describe('a mirror of the ledger', () => {
  it('holds, and goes on from a checkpoint that was kept', async () => {
    await writeLedger(folder, entries, await signCheckpoint(yard, entries));
    expect(await judge()).toMatchObject({ ok: true, ledger: { size: 600 } });
    const verdict = await judge(await signCheckpoint(yard, entries.slice(0, 300)));
    expect(faultsOf(verdict)).toBe('');
    expect(verdict.checks.map(({ what }) => what)).toContain(
      'It goes on from the checkpoint that was kept, of 300 entries',
    );
  });

  it('is of the ledger that was asked for, or does not hold', async () => {
    await writeLedger(folder, entries, await signCheckpoint(yard, entries));
    const open = await judge();
    expect([open.ok, open.notProven.at(-1)]).toEqual([true, expect.stringContaining(`That ${ORIGIN} is the ledger`)]);
    const asked = await judge(undefined, ORIGIN);
    expect([asked.ok, asked.notProven.join()]).toEqual([true, expect.not.stringContaining('--origin')]);
    expect(faultsOf(await judge(undefined, 'ledger.elsewhere'))).toContain('not of ledger.elsewhere');
  });

  it('of a tree that is a whole number of tiles holds', async () => {
    const whole = entries.slice(0, 512);
    await writeLedger(folder, whole, await signCheckpoint(yard, whole));
    expect(faultsOf(await judge())).toBe('');
  });
});

const swapped = [...entries.slice(0, 5), entries[6], entries[5], ...entries.slice(7)] as Uint8Array[];
const forked = [...entries.slice(0, 290), ...someEntries(310, 'another')];

/** What somebody who may write the mirror, or who holds the ledger's key, could do. */
const TAMPERED: [what: string, says: RegExp, tamper: () => Promise<string | undefined>][] = [
  [
    're-ordered',
    /stand in another order/,
    async () => {
      await writeLedger(folder, swapped, await signCheckpoint(yard, entries));
      return undefined;
    },
  ],
  [
    're-ordered, and signed anew',
    /forked/,
    async () => {
      await writeLedger(folder, swapped, await signCheckpoint(yard, swapped));
      return signCheckpoint(yard, entries);
    },
  ],
  [
    'forked before the checkpoint that was kept',
    /forked/,
    async () => {
      await writeLedger(folder, forked, await signCheckpoint(yard, forked));
      return signCheckpoint(yard, entries.slice(0, 300));
    },
  ],
  [
    'cut off, with an older checkpoint put back',
    /cut off: it had 600 entries/,
    async () => {
      const few = entries.slice(0, 300);
      await writeLedger(folder, few, await signCheckpoint(yard, few));
      return signCheckpoint(yard, entries);
    },
  ],
  [
    'cut off at its end',
    /cut off: 512 of 600/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(yard, entries));
      await truncate(join(folder, 'tile/entries/002.p/88'), 100);
      return undefined;
    },
  ],
  [
    'with an entry twice',
    /Entry 600 is in the ledger twice/,
    async () => {
      const doubled = [...entries, entries[3]] as Uint8Array[];
      await writeLedger(folder, doubled, await signCheckpoint(yard, doubled));
      return undefined;
    },
  ],
  [
    'with an entry behind those that the checkpoint covers',
    /cut off: 512 of 600/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(yard, entries));
      const path = join(folder, 'tile/entries/002.p/88');
      await writeFile(path, Buffer.concat([await readFile(path), encodeBundle([Buffer.from('{"invented":true}')])]));
      return undefined;
    },
  ],
  [
    'with a byte changed in an entry',
    /not those that the checkpoint covers/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(yard, entries));
      await flip(join(folder, 'tile/entries/001'), 40);
      return undefined;
    },
  ],
  [
    'with a byte changed in a tile of hashes',
    /tile\/1\/000\.p\/2 is not what the entries make/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(yard, entries));
      await flip(join(folder, 'tile/1/000.p/2'), 3);
      return undefined;
    },
  ],
  [
    'without a tile of hashes',
    /tile\/0\/001 is not there/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(yard, entries));
      await rm(join(folder, 'tile/0/001'));
      return undefined;
    },
  ],
  [
    'signed by nobody whom the keyring lists',
    /not a signed note/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(await openYard(), entries));
      return undefined;
    },
  ],
  [
    'with something added to its checkpoint',
    /not a signed note/,
    async () => {
      await writeLedger(folder, entries, await signCheckpoint(yard, entries));
      await appendFile(join(folder, 'checkpoint'), '— other.example.com AAAAAAA=\n');
      return undefined;
    },
  ],
  ['that is not there', /holds no checkpoint/, async () => undefined],
];

describe('a mirror of the ledger is refused when it is', () => {
  it.each(TAMPERED)('%s', async (_what, says, tamper) => {
    const verdict = await judge(await tamper());
    expect(verdict.ok).toBe(false);
    expect(faultsOf(verdict)).toMatch(says);
  });
});

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
