import { expect, it } from 'vitest';
import { statementBodySchemas } from '../../../src/core/schemas/statements.js';
import type { AnyDraft, Record } from '../../../src/record/record.js';
import type { LeaseRequest } from '../../../src/vault/leases.js';
import { openIncident } from '../../../src/vault/stolen-lease.js';

const ACTION_ID = '01K9ZZZZZZ0000000000000001';

it('tells of a stolen token in a sentence that the record takes, however long its names are', async () => {
  const request = { actionId: ACTION_ID, requestDigest: 'a'.repeat(64), purpose: 'execute', ttlSeconds: 300 };
  const names = { role: 'r'.repeat(200), target: 't'.repeat(63) };
  const drafts: AnyDraft[] = [];
  const record = {
    ofAction: async () => [{ kind: 'request', body: { agent: 'export-bot' } }],
    append: async (appended: readonly AnyDraft[]) => void drafts.push(...appended),
  } as unknown as Pick<Record, 'append' | 'ofAction'>;
  const lease = { accessor: 'c'.repeat(200), leasedAtMs: Date.UTC(2026, 0, 1, 10), wrapTtlSeconds: 60 };
  const clock = () => lease.leasedAtMs + 61_000;
  await openIncident({ ...request, ...names } as unknown as LeaseRequest, lease, { record, clock });
  const { sentence } = statementBodySchemas.incident.parse(drafts[0]?.body);
  // The thief may keep us from revoking: nothing is said to be over that is not proven to be.
  expect(sentence).toContain('Until it ends, by 10:05:00 UTC, its holder can lease');
});
