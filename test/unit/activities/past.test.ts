import { expect, test } from 'vitest';
import { createRecall } from '../../../activities/past.js';
import type { AnyRecorded } from '../../../src/record/record.js';
import { honestFacts, loadPolicy, OPENED_AT_MS, statementsOf, type AnyBody } from '../enforcement/evidence.js';
import { EXAMPLE } from '../policy/bundle-folders.js';

const facts = honestFacts(await loadPolicy(EXAMPLE));
const target = lastTarget();
const outcome = { status: 'succeeded', code: 'succeeded', message: 'The operation ran to its end.' } as const;

const lease: AnyBody = {
  kind: 'lease',
  body: { purpose: 'execute', accessor: 'a', tokenRole: 'r', ttlSeconds: 300, runId: 'run', leasedAtMs: OPENED_AT_MS },
};
const revocation: AnyBody = {
  kind: 'revocation',
  body: { accessor: 'a', proofs: [{ asked: 'vault: lookup', answer: 'unknown' }], revokedAtMs: OPENED_AT_MS },
};
const receipt = (lease: 'open' | 'revoked', closing = false): AnyBody => ({
  kind: 'receipt',
  body: {
    actionDigest: null,
    outcome,
    lease,
    approvers: ['ben'],
    statements: [],
    closing,
    concludedAtMs: OPENED_AT_MS + (closing ? 1 : 0),
  },
});

/** A record that holds one ended action, and tells how often it was read. */
function recordOf(more: AnyBody[]) {
  const held = { statements: statementsOf(facts, more), reads: 0 };
  return {
    held,
    listActions: async () => [facts.actionId],
    ofActions: async (ids: readonly string[]): Promise<AnyRecorded[][]> => {
      held.reads += ids.length;
      return ids.map(() => held.statements);
    },
  };
}

function lastTarget(): string {
  return facts.rounds[0].preview.target.name;
}

test('tells how the agent’s last actions ended, and reads each that is closed once', async () => {
  const record = recordOf([lease, revocation, receipt('revoked')]);
  const recall = createRecall(record);
  const told = await recall(facts.request, target);
  expect(told).toMatchObject({ past: { sameKind: 1 }, recent: [{ actionId: facts.actionId, outcome: 'succeeded' }] });
  expect(await recall(facts.request, target)).toEqual(told);
  expect(record.held.reads).toBe(1);
  expect((await recall(facts.request, 'another')).past.sameKind).toBe(0);
});

test('reads one again whose lease was open: its closing receipt is told', async () => {
  const record = recordOf([lease, receipt('open')]);
  const recall = createRecall(record);
  expect((await recall(facts.request, target)).recent).toMatchObject([{ concludedAtMs: OPENED_AT_MS }]);
  record.held.statements = statementsOf(facts, [lease, receipt('open'), revocation, receipt('revoked', true)]);
  expect((await recall(facts.request, target)).recent).toMatchObject([{ concludedAtMs: OPENED_AT_MS + 1 }]);
});
