import { describe, expect, it } from 'vitest';
import { ServiceFault } from '../../../src/core/errors.js';
import {
  BATCH_ENTRIES,
  createLedgerSender,
  type Destination,
  type LedgerSender,
} from '../../../src/siem/send-ledger.js';
import { SinkFault, type OpenSink, type RejectedEvent, type SiemEvent } from '../../../src/siem/sink.js';
import { createMemoryCursors, createMemoryLedger, type MemoryLedger } from '../../support/siem-ledger.js';
import { seeded } from '../core/seeded.js';

/** What a receiver got, in the order in which it came. */
interface Receiver extends Destination {
  got: SiemEvent[];
  /** Called with what is about to be taken; may throw before or after it is. */
  fate: (events: readonly SiemEvent[], take: () => void) => readonly RejectedEvent[];
  alive: boolean;
  opened: number;
}

function createReceiver(resendAfterBreak = 0): Receiver {
  const receiver: Receiver = {
    name: 'main',
    kind: 'test',
    resendAfterBreak,
    got: [],
    alive: true,
    opened: 0,
    fate: (_events, take) => {
      take();
      return [];
    },
    async open(): Promise<OpenSink> {
      receiver.opened += 1;
      receiver.alive = true;
      return {
        send: async (events) => receiver.fate(events, () => receiver.got.push(...events)),
        isAlive: () => receiver.alive,
        close: async () => undefined,
      };
    },
  };
  return receiver;
}

const uidsOf = (events: readonly SiemEvent[]): string[] => events.map(({ uid }) => uid);
const withoutDoubles = (uids: readonly string[]): string[] => [...new Set(uids)];

function senderOf(ledger: MemoryLedger, destination: Receiver, cursors = createMemoryCursors()) {
  const faults: string[] = [];
  const make = (): LedgerSender =>
    createLedgerSender({
      destination,
      ledger,
      cursors,
      eventsOf: ledger.eventsOf,
      onFault: (_sink, error) => faults.push(error instanceof Error ? error.message : String(error)),
    });
  return { make, sender: make(), cursors, faults };
}

/** Passes until nothing is left; the pauses in between, as a clock would have them. */
async function drain(sender: LedgerSender, passes = 1_000): Promise<number> {
  let waitedMs = 0;
  for (let count = 0; count < passes; count += 1) {
    const pass = await sender.pass();
    if (pass.kind === 'idle') return waitedMs;
    if (pass.kind === 'failed') waitedMs += pass.retryInMs;
  }
  throw new Error('it never came to an end');
}

describe('sending the ledger', () => {
  it('gives every entry, in its order, in batches that are bounded', async () => {
    const ledger = createMemoryLedger();
    await ledger.grow(BATCH_ENTRIES * 2 + 30);
    const receiver = createReceiver();
    const sizes: number[] = [];
    receiver.fate = (events, take) => {
      sizes.push(events.length);
      take();
      return [];
    };
    const { sender, cursors } = senderOf(ledger, receiver);
    await drain(sender);
    expect(uidsOf(receiver.got)).toEqual(ledger.uids());
    expect(receiver.got.map(({ event }) => event.metadata.sequence)).toEqual(ledger.all.map(({ index }) => index));
    expect(sizes).toEqual([BATCH_ENTRIES, BATCH_ENTRIES, 30]);
    expect(cursors.of('main')).toMatchObject({
      next: BATCH_ENTRIES * 2 + 30,
      lastUid: ledger.uids().at(-1),
      lastError: null,
    });
    expect(await sender.pass()).toEqual({ kind: 'idle' });
  });

  it.each([1, 2, 3])('loses nothing and keeps the order through kills and faults (seed %i)', async (seed) => {
    const random = seeded(seed);
    const ledger = createMemoryLedger();
    const receiver = createReceiver();
    receiver.fate = (events, take) => {
      const fate = random();
      if (fate < 0.2) throw new SinkFault('It is away.');
      if (fate < 0.3) receiver.got.push(...events.slice(0, Math.floor(random() * events.length)));
      else take();
      // What it took it has; we never hear of it.
      if (fate < 0.5) throw new SinkFault('The answer was lost.');
      return [];
    };
    const { make, cursors } = senderOf(ledger, receiver);
    let sender = make();
    for (let step = 0; step < 60; step += 1) {
      if (random() < 0.5) await ledger.grow(1 + Math.floor(random() * 60));
      await sender.pass();
      // Killed: all that the process knew is gone, the cursor is not.
      if (random() < 0.3) sender = make();
    }
    await drain(sender);
    expect(withoutDoubles(uidsOf(receiver.got))).toEqual(ledger.uids());
    expect(cursors.of('main').next).toBe(ledger.all.length);
  });

  it('a receiver that is away for an hour is asked seldom, and then given all', async () => {
    const ledger = createMemoryLedger();
    const receiver = createReceiver();
    let attempts = 0;
    let nowMs = 0;
    receiver.fate = (_events, take) => {
      attempts += 1;
      if (nowMs < 3_600_000) throw new SinkFault('It is away.');
      take();
      return [];
    };
    const { sender, cursors, faults } = senderOf(ledger, receiver);
    while (nowMs < 3_600_000) {
      await ledger.grow(5);
      const pass = await sender.pass();
      if (pass.kind !== 'failed') throw new Error('it is away');
      nowMs += pass.retryInMs;
      expect(cursors.of('main')).toMatchObject({ next: 0, lastError: 'It is away.' });
    }
    expect(attempts).toBeLessThan(80);
    // Told once, not at each attempt.
    expect(faults).toEqual(['It is away.']);
    await drain(sender);
    expect(uidsOf(receiver.got)).toEqual(ledger.uids());
    expect(cursors.of('main').lastError).toBeNull();
  });

  it('waits as long as the receiver asks', async () => {
    const ledger = createMemoryLedger();
    await ledger.grow(1);
    const receiver = createReceiver();
    receiver.fate = () => {
      throw new SinkFault('Not now.', 90_000);
    };
    const { sender } = senderOf(ledger, receiver);
    expect(await sender.pass()).toEqual({ kind: 'failed', retryInMs: 90_000 });
  });

  it('without acknowledgement, sends the last ones again whenever the connection broke, also while nothing is new', async () => {
    const ledger = createMemoryLedger();
    await ledger.grow(40);
    const receiver = createReceiver(25);
    const { sender, make } = senderOf(ledger, receiver);
    await drain(sender);
    // The receiver dies with what it had read last.
    receiver.got = receiver.got.slice(0, 20);
    receiver.alive = false;
    await drain(sender);
    expect(receiver.opened).toBe(2);
    expect(withoutDoubles(uidsOf(receiver.got))).toEqual(ledger.uids());
    // And after a start: nobody knows what became of the last connection.
    receiver.got = receiver.got.slice(0, 20);
    await drain(make());
    expect(withoutDoubles(uidsOf(receiver.got))).toEqual(ledger.uids());
  });

  it('an event that the receiver will never take holds up no other, and is counted and named', async () => {
    const ledger = createMemoryLedger();
    await ledger.grow(10);
    const receiver = createReceiver();
    const bad = ledger.uids()[3] ?? '';
    receiver.fate = (events) => {
      receiver.got.push(...events.filter(({ uid }) => uid !== bad));
      return [{ uid: bad, why: 'No.' }];
    };
    const { sender, cursors, faults } = senderOf(ledger, receiver);
    await drain(sender);
    expect(cursors.of('main')).toMatchObject({ next: 10, rejected: 1 });
    expect(faults).toEqual([`Event ${bad} was refused for good: No.`]);
  });

  it('a record that is away is waited for', async () => {
    const ledger = createMemoryLedger();
    await ledger.grow(3);
    const receiver = createReceiver();
    const { checkpoint } = ledger;
    ledger.checkpoint = async () => {
      throw new ServiceFault('record', 'The record cannot be reached.', true);
    };
    const { sender } = senderOf(ledger, receiver);
    expect(await sender.pass()).toMatchObject({ kind: 'failed' });
    ledger.checkpoint = checkpoint;
    await drain(sender);
    expect(receiver.got).toHaveLength(3);
  });
});

describe('a ledger that somebody tampered with', () => {
  const grown = async (count: number): Promise<MemoryLedger> => {
    const ledger = createMemoryLedger();
    await ledger.grow(count);
    return ledger;
  };
  const findings = (events: readonly SiemEvent[]): [number, string][] =>
    events
      .filter(({ event }) => event.class_uid === 2004)
      .map(({ index, event }) => [index, `${String(event.severity_id)} ${event.message}`]);

  it('a statement that was removed is a finding at its place, and hides no other', async () => {
    const ledger = await grown(12);
    const { entries } = ledger;
    ledger.entries = async (from, limit) =>
      (await entries(from, limit + 1)).filter(({ index }) => index !== 5).slice(0, limit);
    const receiver = createReceiver();
    await drain(senderOf(ledger, receiver).sender);
    expect(receiver.got.map(({ index }) => index)).toEqual(ledger.all.map(({ index }) => index));
    expect(findings(receiver.got)).toEqual([[5, '5 A statement is gone from the record.']]);
  });

  it.each([
    [
      'replaced by another that is signed well',
      (ledger: MemoryLedger) => {
        const [from, to] = [ledger.all[7], ledger.all[5]];
        if (from === undefined || to === undefined) throw new Error('the ledger is too small');
        Object.assign(to, { envelope: from.envelope, digest: from.digest });
      },
    ],
    [
      'changed',
      (ledger: MemoryLedger) => {
        const entry = ledger.all[5];
        if (entry === undefined) throw new Error('the ledger is too small');
        const payload = Buffer.from(entry.envelope.payload, 'base64').toString().replace('step-4', 'step-9');
        entry.envelope = { ...entry.envelope, payload: Buffer.from(payload).toString('base64') };
      },
    ],
    [
      'said to be of another kind',
      (ledger: MemoryLedger) => {
        Object.assign(ledger.all[5] ?? {}, { kind: 'decision' });
      },
    ],
  ])('a statement that was %s is a finding, and puts no words into the SIEM', async (_how, tamper) => {
    const ledger = await grown(12);
    tamper(ledger);
    const receiver = createReceiver();
    await drain(senderOf(ledger, receiver).sender);
    expect(receiver.got).toHaveLength(12);
    expect(findings(receiver.got)).toEqual([[5, expect.stringMatching(/^5 An entry of the ledger does not verify/)]]);
  });

  it('a row that cannot be read is a finding, and the alarm behind it still arrives', async () => {
    const ledger = await grown(12);
    const { entries } = ledger;
    const { invalid } = await import('../../../src/record/verify-statement.js');
    ledger.entries = async (from, limit) => {
      if (from <= 5 && 5 < from + limit) throw invalid('its envelope is not JSON');
      return entries(from, limit);
    };
    const receiver = createReceiver();
    await drain(senderOf(ledger, receiver).sender);
    expect(receiver.got.map(({ index }) => index)).toEqual(ledger.all.map(({ index }) => index));
    expect(findings(receiver.got).map(([index]) => index)).toEqual([5]);
  });

  it('a row that is nested too deeply to be read holds up no other', async () => {
    const ledger = await grown(12);
    // Whoever may only insert rows can write it.
    const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    Object.assign(ledger.all[5] ?? {}, { envelope: deep });
    const receiver = createReceiver();
    await drain(senderOf(ledger, receiver).sender);
    expect(receiver.got.map(({ index }) => index)).toEqual(ledger.all.map(({ index }) => index));
    expect(findings(receiver.got).map(([index]) => index)).toEqual([5]);
  });

  it('is gone on with once the statement that was sent last, as missing, was put back', async () => {
    const ledger = await grown(12);
    const { entries } = ledger;
    ledger.entries = async (from, limit) => (await entries(from, limit)).filter(({ index }) => index !== 11);
    const receiver = createReceiver();
    const { sender, make } = senderOf(ledger, receiver);
    await drain(sender);
    ledger.entries = entries;
    await ledger.grow(2);
    await drain(make());
    expect(receiver.got.map(({ index }) => index)).toEqual(ledger.all.map(({ index }) => index));
  });

  it('that was cut off is not gone on with, though the connection stands', async () => {
    const ledger = await grown(12);
    const receiver = createReceiver();
    const { sender, cursors } = senderOf(ledger, receiver);
    await drain(sender);
    ledger.all.splice(8);
    expect(await sender.pass()).toMatchObject({ kind: 'failed' });
    await ledger.grow(2);
    expect(await sender.pass()).toMatchObject({ kind: 'failed' });
    expect(cursors.of('main').lastError).toMatch(/not the one that main was sent up to entry 12/);
    expect(receiver.got).toHaveLength(12);
  });

  it.each([
    ['is shorter than what was sent', (ledger: MemoryLedger) => void ledger.all.splice(8)],
    [
      'has another last entry than the one that was sent',
      (ledger: MemoryLedger) => void Object.assign(ledger.all[11] ?? {}, { leafHash: '00'.repeat(32) }),
    ],
  ])('one that %s is not gone on with', async (_how, tamper) => {
    const ledger = await grown(12);
    const receiver = createReceiver();
    const { sender, make, cursors } = senderOf(ledger, receiver);
    await drain(sender);
    tamper(ledger);
    expect(await make().pass()).toMatchObject({ kind: 'failed' });
    expect(cursors.of('main').lastError).toMatch(/not the one that main was sent up to entry 12/);
    expect(receiver.got).toHaveLength(12);
  });
});
