import { expect, test } from 'vitest';
import { createDecisions } from '../../../src/channels/signed-decisions.js';
import type { DecisionRequest } from '../../../src/channels/decisions.js';
import { digestOf } from '../../../src/core/json.js';
import type { Envelope } from '../../../src/core/dsse.js';
import type { StatementBody } from '../../../src/core/schemas/statements.js';
import {
  OPENED_AT_MS,
  approve,
  honestFacts,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  planRound,
  statementsOf,
} from '../enforcement/evidence.js';
import { editedBundle } from '../policy/bundle-folders.js';

const REASON = 'The shop is down, and no DBA picks up.';
const policy = await loadPolicy(
  await editedBundle([
    {
      file: 'database-export.cedar',
      from: '@remind("5m")\n',
      to: '@remind("5m")\n@breakglass("security:2, 2m, 24h")\n',
    },
    {
      file: 'database-export.cedar',
      from: '@review("dba:1")\n@escalate("10m',
      to: '@review("dba:2")\n@escalate("10m',
    },
    { file: 'directory.yaml', from: 'dba: [ben, carol', to: 'dba: [erin, ben, carol' },
  ]),
);

/** erin is one of security and a DBA; she said `earlier` already, and no workflow heard of it. */
function deciding(earlier: Partial<StatementBody<'decision'>>) {
  const facts = honestFacts(policy);
  facts.rounds = [planRound(policy, facts.request, 1)];
  approve(facts, 'erin', earlier);
  const statements = statementsOf(facts);
  const delivered: Envelope[] = [];
  const decisions = createDecisions({
    policy: () => policy,
    record: { ofAction: async () => statements, alarms: async () => [] },
    workflows: {
      openRun: async () => facts.runId,
      review: async () => ({ phase: 'waiting', round: 1, approvals: [], breaking: [], open: [], expiresAtMs: null }),
      decide: async (_: unknown, envelope: Envelope) => {
        delivered.push(envelope);
        return { state: 'waiting', open: [] };
      },
    },
    refusals: { put: async () => undefined },
    assurance: facts.assurance,
    clock: () => OPENED_AT_MS + 2 * MINUTE_MS,
  } as unknown as Parameters<typeof createDecisions>[0]);
  const person = policy.directory.person('erin');
  if (person === undefined) throw new Error('there is no erin');
  const decide = (change: Partial<DecisionRequest>) =>
    decisions.decide({
      ...{ actionId: facts.actionId, actionDigest: lastRound(facts).plan.actionDigest, decision: 'approve' },
      ...{ reason: REASON, person, via: { channel: 'api', subject: 'erin', eventId: 'second' } },
      ...change,
    });
  return { decide, delivered, earlier: digestOf(statements.at(-1)?.envelope) };
}

test('an ordinary approval delivers no earlier word of the same person that breaks the glass', async () => {
  const { decide, delivered } = deciding({ breakGlass: true, reason: REASON });
  const via = { channel: 'slack', subject: 'T1/U1', eventId: 'click' };
  await expect(decide({ reason: 'Fine.', via })).rejects.toMatchObject({ code: 'already_decided' });
  expect(delivered).toEqual([]);
});

test('holds: the same word again does', async () => {
  const { decide, delivered, earlier } = deciding({ breakGlass: true, reason: REASON });
  await decide({ breakGlass: true });
  expect(delivered.map((envelope) => digestOf(envelope))).toEqual([earlier]);
});

test.each<[string, Partial<StatementBody<'decision'>>, Partial<DecisionRequest>]>([
  ['what broke the glass, as an approval', { breakGlass: true }, {}],
  ['an approval, as what breaks the glass', {}, { breakGlass: true }],
])('one event is not sent again for another word: %s', async (_, earlier, again) => {
  const via = { channel: 'api', subject: 'erin', eventId: 'first' };
  const { decide, delivered } = deciding({ ...earlier, reason: REASON, via });
  await expect(decide({ ...again, via })).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  expect(delivered).toEqual([]);
});

test('a denial breaks no glass', async () => {
  const { decide } = deciding({});
  await expect(decide({ decision: 'deny', breakGlass: true })).rejects.toMatchObject({
    ...{ code: 'field_invalid', field: 'breakGlass' },
  });
});
