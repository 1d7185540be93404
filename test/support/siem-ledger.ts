import { payloadDigest, seal, type Envelope } from '../../src/core/dsse.js';
import { digestOf } from '../../src/core/json.js';
import type { StatementBody, StatementKind } from '../../src/core/schemas/statements.js';
import { buildStatement } from '../../src/core/statement.js';
import { entryOf } from '../../src/ledger/entry.js';
import { formatCheckpoint } from '../../src/ledger/checkpoint.js';
import type { LedgerEntry } from '../../src/ledger/ledger.js';
import { leafHash } from '../../src/ledger/merkle.js';
import { createStatementVerifier } from '../../src/record/verify-statement.js';
import type { SiemCursors, SinkCursor } from '../../src/siem/cursors.js';
import { createEventMapper, type VerifyStatement } from '../../src/siem/event-mapper.js';
import type { LedgerPlace, ReadableLedger } from '../../src/siem/read-ledger.js';
import type { SiemEvent } from '../../src/siem/sink.js';
import { makeKey, newActionId } from './signing.js';

const EPOCH_MS = 1_795_000_000_000;

/** A ledger in memory, its statements really signed. */
export interface MemoryLedger extends ReadableLedger {
  all: LedgerEntry[];
  /** Adds an action's request and `count - 1` statements of the executor. */
  grow(count: number): Promise<void>;
  verify: VerifyStatement;
  eventsOf(places: readonly LedgerPlace[]): Promise<SiemEvent[]>;
  uids(): string[];
}

export function createMemoryLedger(): MemoryLedger {
  const [agent, executor] = [makeKey('agent/export-bot'), makeKey('executor-1')];
  const verify = createStatementVerifier({
    keyring: () => ({ number: 1, keys: [{ ...executor.publicKey, purpose: 'executor' }] }),
    agentKeys: (name) => (name === 'export-bot' ? [agent.publicKey] : []),
  });
  const entries: LedgerEntry[] = [];
  let number = 0;
  const add = (kind: StatementKind, actionId: string, envelope: Envelope): void => {
    entries.push({
      index: entries.length,
      leafHash: Buffer.from(leafHash(entryOf(envelope))).toString('hex'),
      kind,
      actionId,
      digest: payloadDigest(envelope),
      envelope,
      recordedAtMs: EPOCH_MS + entries.length * 1_000,
    });
  };
  const eventsOf = createEventMapper({ verify, contexts: noContexts, clock: () => EPOCH_MS });
  return {
    all: entries,
    verify,
    eventsOf,
    uids: () => entries.map((entry) => entry.leafHash),
    async checkpoint() {
      return `${formatCheckpoint({ origin: 'test', size: entries.length, root: new Uint8Array(32) })}\n— test AAAA\n`;
    },
    async entries(from, limit) {
      return entries.filter(({ index }) => index >= from).slice(0, limit);
    },
    async grow(count) {
      const actionId = newActionId();
      const request: StatementBody<'request'> = {
        actionId,
        agent: 'export-bot',
        operation: 'database.export',
        params: { target: 'orders' },
        reason: 'Monthly report – größer',
        requestedAtMs: EPOCH_MS,
        expiresAtMs: EPOCH_MS + 600_000,
      };
      const requestDigest = digestOf(request);
      const asked = buildStatement('request', { actionId, requestDigest, body: request, chain: null });
      for (const envelope of await seal([asked], agent.signer)) add('request', actionId, envelope);
      const statements = Array.from({ length: count - 1 }, (_, step) => {
        const body = { actionDigest: requestDigest, step: `step-${String(step)}`, attempt: 1, startedAtMs: EPOCH_MS };
        number += 1;
        const chain = { process: 'executor' as const, number, previous: requestDigest };
        return buildStatement('effect', { actionId, requestDigest, body, chain });
      });
      for (const envelope of await seal(statements, executor.signer)) add('effect', actionId, envelope);
    },
  };
}

const noContexts = { load: async () => undefined, learn: () => undefined, at: () => null };

/** Cursors in memory, which outlive senders as the database does. */
export function createMemoryCursors(): SiemCursors & { of(sink: string): SinkCursor } {
  const all = new Map<string, SinkCursor>();
  const of = (sink: string): SinkCursor => {
    const found = all.get(sink);
    if (found === undefined) throw new Error(`there is no cursor of ${sink}`);
    return found;
  };
  return {
    of,
    async open(sink, kind) {
      const made: SinkCursor = {
        ...{ sink, kind, next: 0, lastUid: null, rejected: 0, sentAtMs: null },
        ...{ lastError: null, failingSinceMs: null, seenAtMs: EPOCH_MS },
      };
      if (!all.has(sink)) all.set(sink, made);
      return { ...of(sink) };
    },
    async advance(sink, { next, lastUid, rejected }) {
      const cursor = of(sink);
      if (next <= cursor.next) return;
      Object.assign(cursor, { next, lastUid, rejected: cursor.rejected + rejected, lastError: null });
    },
    async fail(sink, error) {
      const cursor = all.get(sink);
      if (cursor !== undefined) cursor.lastError = error;
    },
    async beat(sink) {
      of(sink).lastError = null;
    },
    list: async () => [...all.values()],
  };
}
