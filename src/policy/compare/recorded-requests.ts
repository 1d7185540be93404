import { Refusal } from '../../core/errors.js';
import { allOf, latest, type AnyRecorded, type Record } from '../../record/record.js';
import { withTaint } from '../taint.js';
import type { RecordedRequest } from './comparison.js';

/** As many as the record reads in one query. */
const PAGE = 25;

/** What was found on record. */
export interface RecordedRequests {
  /** Newest first. */
  requests: RecordedRequest[];
  /** Actions whose statements do not verify: the record was tampered with. */
  unreadable: number;
}

/**
 * The newest requests on record that came as far as a preview: only of those is it known what was found.
 * @param limit how many actions are looked at.
 */
export async function readRecordedRequests(
  record: Pick<Record, 'listActions' | 'ofActions'>,
  limit: number,
): Promise<RecordedRequests> {
  const found: RecordedRequests = { requests: [], unreadable: 0 };
  let before: string | undefined;
  for (let left = limit; left > 0; left -= PAGE) {
    const ids = await record.listActions({ limit: Math.min(left, PAGE), ...(before !== undefined && { before }) });
    for (const statements of ids.length === 0 ? [] : await record.ofActions(ids)) {
      if (statements instanceof Refusal) found.unreadable += 1;
      else found.requests.push(...recordedRequest(statements));
    }
    before = ids.at(-1);
    if (ids.length < PAGE) break;
  }
  return found;
}

/** The request among an action's statements, with what the newest preview found; none without a preview. */
function recordedRequest(statements: readonly AnyRecorded[]): RecordedRequest[] {
  const [request] = allOf(statements, 'request');
  const preview = latest(statements, 'preview');
  if (request === undefined || preview === undefined) return [];
  const { actionId, agent, operation, requestedAtMs, tainted } = request.body;
  const receipt = latest(statements, 'receipt');
  return [
    {
      ...{ actionId, agent, operation, requestedAtMs },
      target: preview.body.target,
      flags: withTaint(request.body, preview.body.flags),
      tainted: tainted === true,
      summary: preview.body.preview.summary,
      outcome: receipt?.body.outcome.status ?? null,
    },
  ];
}
