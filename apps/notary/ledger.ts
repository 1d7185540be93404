import type { NotaryConfig } from '../../src/config/notary.js';
import { raiseLedgerAlarm } from '../../src/ledger/alarm.js';
import { checkLedger } from '../../src/ledger/check.js';
import type { Checkpoint } from '../../src/ledger/checkpoint.js';
import { LedgerFaultError, type LedgerFault } from '../../src/ledger/faults.js';
import { faultAgainst, type LeadOptions } from '../../src/ledger/lead.js';
import { createMirror } from '../../src/ledger/mirror.js';
import type { NoteKey } from '../../src/ledger/note.js';
import { createLedger } from '../../src/ledger/postgres-ledger.js';
import { startSequencer } from '../../src/ledger/sequencer.js';
import { createStandstillLook } from '../../src/ledger/standstill.js';
import { createNativeVerifier } from '../../src/record/native-ed25519.js';
import { listenForChanges } from '../../src/record/postgres-changes.js';
import { loopEvery } from '../loop.js';
import type { Runtime } from '../runtime.js';

const NOTHING: Checkpoint = { origin: '', size: 0, root: new Uint8Array() };

// The mirror follows the ledger this soon.
const MIRROR_EVERY_MS = 2_000;
const LOOK_EVERY_MS = 60_000;

/** Sequences the record into the ledger, mirrors it, and compares it with the rows: at once, and on a schedule. */
export function startLedger(config: NotaryConfig, runtime: Runtime): { stop(): Promise<void> } {
  const { pool, record, clock, onInternal, logger } = runtime;
  const origin = config.COUNTERSIGN_LEDGER_ORIGIN;
  const keys = (): NoteKey[] => checkpointKeys(origin, runtime);
  const trusted = { pool, origin, keys, verify: createNativeVerifier() };
  const folder = config.COUNTERSIGN_LEDGER_MIRROR_DIR;
  const mirror = folder === undefined ? null : createMirror({ ...trusted, folder, ledger: createLedger(pool) });
  const signing = () => signingKeyIn(runtime);
  // Who could not sign must not start.
  signing();
  const closing = new AbortController();
  let seen: Checkpoint | null = null;
  const see = (checkpoint: Checkpoint): void => {
    if (checkpoint.size > (seen?.size ?? 0)) seen = checkpoint;
  };

  const onFault = async (fault: LedgerFault): Promise<void> => {
    logger.error({ code: fault.code }, fault.sentence);
    await raiseLedgerAlarm(record, fault, clock());
  };
  const guarded = async (pass: () => Promise<void>): Promise<void> => {
    try {
      await pass();
    } catch (error) {
      if (!(error instanceof LedgerFaultError)) throw error;
      await onFault(error.fault);
    }
  };

  const check = async (): Promise<void> => {
    const before = seen;
    const { entries, newest, faults } = await checkLedger({ ...trusted, signal: closing.signal });
    const past = before === null || closing.signal.aborted ? null : await faultAgainst(before, entries, pool);
    for (const fault of [...faults, ...(past === null ? [] : [past])]) await onFault(fault);
    if (newest !== null) see(newest);
  };

  const changes = listenForChanges({ pool });
  const sequencer = startSequencer({
    ...trusted,
    signing,
    changes,
    highestSeen: async () => {
      see((await mirror?.highestSeen()) ?? NOTHING);
      return seen;
    },
    onCheckpoint: see,
    onFault,
    onInternal,
    clock,
  });
  // One process writes a folder that several may share.
  const mirrorOnce = (): Promise<void> => guarded(async () => (sequencer.isLeading() ? mirror?.update() : undefined));
  const mirroring = loopEvery(MIRROR_EVERY_MS, mirrorOnce, onInternal);
  const look = createStandstillLook(pool);
  const lookOnce = async (): Promise<void> => {
    const fault = await look(clock());
    if (fault !== null) await onFault(fault);
  };
  const looking = loopEvery(LOOK_EVERY_MS, lookOnce, onInternal);
  const first = check().catch(onInternal);
  const checking = loopEvery(config.COUNTERSIGN_LEDGER_CHECK_MINUTES * 60_000, check, onInternal);
  return {
    async stop() {
      closing.abort();
      await checking.stop();
      await mirroring.stop();
      await looking.stop();
      await first;
      await sequencer.close();
      await changes.close();
    },
  };
}

function checkpointKeys(origin: string, { keyring }: Runtime): NoteKey[] {
  return keyring()
    .keys.filter(({ purpose }) => purpose === 'checkpoint')
    .map(({ publicKey }) => ({ name: origin, publicKey }));
}

/** By the keyring in force, which may be another one a moment later. */
function signingKeyIn({ signers, keyring }: Runtime): ReturnType<LeadOptions['signing']> {
  const signer = signers.checkpoint;
  const listed = keyring().keys.find(({ keyid }) => keyid === signer?.keyid);
  if (signer === undefined || listed === undefined)
    throw new Error('The keyring does not list the notary’s key "checkpoint": seal one that does, and start again.');
  return { signer, publicKey: listed.publicKey };
}
