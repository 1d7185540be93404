import { Refusal } from '../core/errors.js';
import type { Envelope } from '../core/dsse.js';
import type { StatementBody, StatementKind } from '../core/schemas/statements.js';
import { entryOf } from '../ledger/entry.js';
import type { LedgerEntry } from '../ledger/ledger.js';
import { leafHash } from '../ledger/merkle.js';
import type { VerifiedStatement } from '../record/verify-statement.js';
import type { ActionContexts } from './action-contexts.js';
import { buildEvent, encodeEvent, type EventParts, type Place } from './ocsf/event.js';
import { mapStatement } from './ocsf/map-statement.js';
import { unreadable } from './ocsf/of-findings.js';
import { uidOfMissing, type LedgerPlace } from './read-ledger.js';
import type { SiemEvent } from './sink.js';

/** @throws Refusal when the envelope is not what this kind of statement must be. */
export type VerifyStatement = (kind: StatementKind, actionId: string | null, envelope: Envelope) => VerifiedStatement;

export interface EventMapperOptions {
  verify: VerifyStatement;
  contexts: ActionContexts;
  clock: () => number;
}

/**
 * Makes the events of places of the ledger: one for each, in their order. What does not verify becomes a finding that
 * says so, so that nobody can put words into the SIEM by writing into the database, nor keep others out of it.
 * @returns a function that throws ServiceFault `record` when the record cannot be read.
 */
export function createEventMapper(
  options: EventMapperOptions,
): (places: readonly LedgerPlace[]) => Promise<SiemEvent[]> {
  const { contexts, clock } = options;
  return async (places) => {
    await contexts.load(places.flatMap(({ entry }) => (entry?.actionId == null ? [] : [entry.actionId])));
    return places.map((place) => {
      if (place.entry === null) return eventOf(missingPlace(place.index, clock()), (at) => unreadable(at, place.why));
      return eventOfEntry(place.entry, options);
    });
  };
}

function eventOfEntry(entry: LedgerEntry, { verify, contexts }: EventMapperOptions): SiemEvent {
  const place: Place = {
    index: entry.index,
    leafHash: entry.leafHash,
    kind: entry.kind,
    digest: entry.digest,
    actionId: entry.actionId,
    recordedAtMs: entry.recordedAtMs,
  };
  const read = readStatement(entry, verify);
  if (!read.ok) return eventOf(place, (at) => unreadable(at, read.why));
  const { body, chain } = read.statement.statement.predicate;
  if (entry.actionId !== null) contexts.learn(entry.actionId, entry.kind, body, entry.recordedAtMs);
  const action = entry.actionId === null ? null : contexts.at(entry.actionId, entry.recordedAtMs);
  return eventOf(place, (at) =>
    mapStatement(entry.kind, body as StatementBody<typeof entry.kind>, {
      ...at,
      process: chain?.process ?? null,
      action,
    }),
  );
}

type Read = { ok: true; statement: VerifiedStatement } | { ok: false; why: string };

function readStatement(
  { kind, actionId, envelope, digest, leafHash: claimed }: LedgerEntry,
  verify: VerifyStatement,
): Read {
  try {
    const statement = verify(kind, actionId, envelope);
    if (statement.digest !== digest)
      return { ok: false, why: 'The record holds it under the digest of another statement.' };
    if (Buffer.from(leafHash(entryOf(envelope))).toString('hex') !== claimed)
      return { ok: false, why: 'The record holds another statement than the one that was sequenced.' };
    return { ok: true, statement };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, why: error.message };
    throw error;
  }
}

function eventOf(place: Place, map: (place: Place) => EventParts): SiemEvent {
  const event = buildEvent(place, map(place));
  return { index: place.index, uid: place.leafHash, event, json: encodeEvent(event) };
}

function missingPlace(index: number, recordedAtMs: number): Place {
  const uid = uidOfMissing(index);
  return { index, leafHash: uid, kind: 'missing', digest: uid, actionId: null, recordedAtMs };
}
