import { payloadDigest, type Envelope } from '../core/dsse.js';
import { allOf, type AnyRecorded } from '../record/record.js';
import type { Evidence } from './format.js';
import type { StatementCheck } from './verify-statements.js';

/** A workflow's history, as Temporal's own tools write it in JSON. */
export interface ArchivedHistory {
  runId: string;
  bytes: Uint8Array;
}

/** The histories that a bundle holds, oldest first. */
export function historiesIn({ contents }: Evidence, recorded: readonly AnyRecorded[]): ArchivedHistory[] {
  const archived = allOf(recorded, 'archive').flatMap(({ body }) => body.histories);
  return archived.flatMap(({ runId, sha256 }) => {
    const content = contents.find((candidate) => candidate.sha256 === sha256);
    return content === undefined ? [] : [{ runId, bytes: Buffer.from(content.base64, 'base64') }];
  });
}

/** Checks that no person's decision and no withdrawal in an archived history is missing from the statements. */
export function verifyHistories(evidence: Evidence, recorded: readonly AnyRecorded[]): StatementCheck[] {
  const histories = historiesIn(evidence, recorded);
  if (histories.length === 0) return [];
  const known = new Set(recorded.map(({ digest }) => digest));
  const faults = histories.flatMap(({ runId, bytes }) => {
    const accepted = acceptedIn(bytes);
    if (accepted === null) return [`The history of run ${runId} is none`];
    const unknown = accepted.filter((envelope) => !known.has(digestOr(envelope)));
    return unknown.map(() => `Run ${runId} counted a decision or withdrawal that is not among the statements`);
  });
  const what = `${String(histories.length)} archived ${histories.length === 1 ? 'history counts' : 'histories count'} no decision and no withdrawal but those among the statements`;
  return [...(faults.length === 0 ? [{ ok: true, what }] : []), ...faults.map((fault) => ({ ok: false, what: fault }))];
}

interface JsonEvent {
  workflowExecutionUpdateAcceptedEventAttributes?: {
    acceptedRequest?: { input?: { name?: string; args?: { payloads?: { data?: string }[] } } };
  };
}

/** The envelopes of all updates that a run accepted; null when the bytes are no history. */
function acceptedIn(bytes: Uint8Array): unknown[] | null {
  try {
    const { events } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { events: JsonEvent[] };
    return events.flatMap(({ workflowExecutionUpdateAcceptedEventAttributes: attributes }) => {
      const [payload] = attributes?.acceptedRequest?.input?.args?.payloads ?? [];
      const text = Buffer.from(payload?.data ?? '', 'base64').toString('utf8');
      return payload === undefined ? [] : [JSON.parse(text) as unknown];
    });
  } catch {
    return null;
  }
}

function digestOr(envelope: unknown): string {
  try {
    return payloadDigest(envelope as Envelope);
  } catch {
    return '';
  }
}
