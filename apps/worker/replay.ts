import type { OperationHost } from '../../src/operations/operation.js';
import { readRecordedRequests } from '../../src/policy/compare/recorded-requests.js';
import type { Runtime } from '../runtime.js';

/** How many of the newest requests a proposed bundle is tried on. */
const REPLAYED_REQUESTS = 200;

/** What a preview of `policy.change` needs; nothing where policy is pinned. */
export function withReplay({
  governed,
  record,
}: Pick<Runtime, 'governed' | 'record'>): Pick<OperationHost, 'governed'> {
  if (governed === null) return {};
  return {
    governed: {
      ...governed,
      recordedRequests: async () => (await readRecordedRequests(record, REPLAYED_REQUESTS)).requests,
    },
  };
}
