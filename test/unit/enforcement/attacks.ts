import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefusalCode } from '../../../src/core/errors.js';
import { digestOf } from '../../../src/core/json.js';
import { editedBundle, EXAMPLE, type Edit } from '../policy/bundle-folders.js';
import { makeAgentKey } from './agent-key.js';
import {
  ACTION_ID,
  approve,
  lastRound,
  loadPolicy,
  MINUTE_MS,
  OPENED_AT_MS,
  OTHER_ACTION_ID,
  planRound,
  renameAll,
  type Facts,
} from './evidence.js';

/** A way to have something run that people did not approve, stopped by one check alone. */
export interface Attack {
  /** Name of the check that stops it. */
  check: string;
  what: string;
  forge: (facts: Facts) => void | Promise<void>;
  answer: 'Refusal' | 'ReviewAgain';
  code: RefusalCode;
}

const HOUR_MS = 60 * MINUTE_MS;
const OTHER_QUERY = 'SELECT id, email FROM customers';
const OTHER_DIGEST = digestOf('something else');

/** Puts an edited example bundle in force after the approval. */
async function putInForce(facts: Facts, ...edits: Edit[]): Promise<void> {
  facts.policy = await loadPolicy(await editedBundle(edits));
}

/** Attacks that pass one action, preview or plan off as another. */
const SWAPS: Attack[] = [
  {
    check: 'the request names this action',
    what: 'another approved action under this id',
    forge(facts) {
      facts.request.actionId = OTHER_ACTION_ID;
      facts.rounds[0].plan.snapshot.actionId = OTHER_ACTION_ID;
      renameAll(facts);
    },
    answer: 'Refusal',
    code: 'action_id_mismatch',
  },
  {
    check: 'the preview is of this request',
    what: 'the preview of another request',
    forge({ rounds }) {
      rounds[0].preview.requestDigest = OTHER_DIGEST;
    },
    answer: 'Refusal',
    code: 'digest_mismatch',
  },
  {
    check: 'the preview names the target as the bundle lists it',
    what: 'production shown to people as staging',
    forge(facts) {
      facts.rounds[0].preview.target.environment = 'staging';
      renameAll(facts);
    },
    answer: 'ReviewAgain',
    code: 'target_changed',
  },
  ...(
    [
      ['parameters', { params: { target: 'orders', query: OTHER_QUERY, format: 'csv' } }],
      ['an action id', { actionId: OTHER_ACTION_ID }],
      ['an operation', { operation: 'database.read' }],
      ['an agent', { agent: 'other-bot' }],
    ] as const
  ).map(([what, change]): Attack => ({
    check: 'the snapshot holds the parameters of the signed request',
    what: `${what} approved that the agent did not sign`,
    forge(facts) {
      Object.assign(facts.rounds[0].plan.snapshot, change);
      renameAll(facts);
    },
    answer: 'Refusal',
    code: 'digest_mismatch',
  })),
  {
    check: 'the snapshot holds the preview that people were shown',
    what: 'a preview exchanged after the approval',
    forge({ rounds }) {
      rounds[0].preview.preview.estimate = { rows: 1_000_000 };
    },
    answer: 'Refusal',
    code: 'digest_mismatch',
  },
  {
    check: 'the snapshot holds the preview that people were shown',
    what: 'the fingerprint of a target as people did not see it',
    forge(facts) {
      const { plan } = facts.rounds[0];
      renameAll(facts);
      plan.snapshot.fingerprint = OTHER_DIGEST;
      plan.actionDigest = digestOf(plan.snapshot);
      facts.rounds[0].decisions = [];
      approve(facts, 'ben');
    },
    answer: 'Refusal',
    code: 'digest_mismatch',
  },
  {
    check: 'the snapshot holds the plan',
    what: 'a plan weakened after the approval',
    forge(facts) {
      const { plan } = facts.rounds[0];
      plan.plan = { ...plan.plan, stages: [{ group: 'dba', quorum: 2 }] };
      renameAll(facts);
      plan.plan = { ...plan.plan, stages: [{ group: 'dba', quorum: 1 }] };
    },
    answer: 'Refusal',
    code: 'digest_mismatch',
  },
  {
    check: 'the snapshot names the role that will be leased',
    what: 'a role that is no longer the one approved',
    forge(facts) {
      facts.rounds[0].plan.snapshot.leaseRole = 'database/creds/orders-reporting';
      renameAll(facts);
    },
    answer: 'ReviewAgain',
    code: 'target_changed',
  },
  {
    check: 'the action digest is that of the snapshot',
    what: 'a snapshot exchanged under an approved digest',
    forge(facts) {
      const { plan, decisions } = facts.rounds[0];
      plan.actionDigest = OTHER_DIGEST;
      for (const decision of decisions) decision.actionDigest = OTHER_DIGEST;
    },
    answer: 'Refusal',
    code: 'digest_mismatch',
  },
];

const SIGNED =
  'the request is signed by its agent’s key in the bundle in force, or by the gateway for one without a key';

/** Attacks that have somebody else sign for an agent. */
const SIGNERS: Attack[] = [
  ...(['intake/1', 'decision/1', 'worker/1', 'agent/other-bot', 'agent/export-bot2', ''] as const).map(
    (keyid): Attack => ({
      check: SIGNED,
      what: `a request of an agent with a key, signed by "${keyid}"`,
      forge(facts) {
        facts.requestKeyId = keyid;
      },
      answer: 'Refusal',
      // The gateway may have signed for it under an earlier bundle.
      code: keyid.startsWith('intake/') ? 'agent_changed' : 'signature_invalid',
    }),
  ),
  {
    check: SIGNED,
    what: 'a request by the key that the agent had under an earlier bundle',
    forge(facts) {
      facts.requestKey = makeAgentKey().privateKey;
    },
    answer: 'Refusal',
    code: 'agent_changed',
  },
  ...(['agent/export-bot', 'decision/1', 'worker/1', 'intake'] as const).map((keyid): Attack => ({
    check: SIGNED,
    what: `a request of an agent without a key, signed by "${keyid}"`,
    async forge(facts) {
      const key = /publicKey: .*$/m.exec(await readFile(join(EXAMPLE, 'directory.yaml'), 'utf8'))?.[0] ?? '';
      const to = 'jwt: { issuer: cluster, subject: export-bot }';
      facts.policy = await loadPolicy(await editedBundle([{ file: 'directory.yaml', from: key, to }]));
      facts.requestKeyId = keyid;
    },
    answer: 'Refusal',
    code: keyid.startsWith('agent/') ? 'agent_changed' : 'signature_invalid',
  })),
];

/** Attacks that run an action too late, twice, or after it was ended. */
const TIMES: Attack[] = [
  {
    check: 'the action has not ended',
    what: 'an automatic action asked for again after its receipt',
    forge(facts) {
      facts.request.params = { target: 'orders-staging', query: 'SELECT 1', format: 'csv' };
      facts.rounds = [planRound(facts.policy, facts.request, 1)];
      facts.receipts.push({
        actionDigest: facts.rounds[0].plan.actionDigest,
        outcome: { status: 'cancelled', code: 'cancelled', message: 'The workflow was cancelled.' },
        lease: 'none',
        approvers: [],
        statements: [],
        closing: false,
        concludedAtMs: OPENED_AT_MS + MINUTE_MS,
      });
    },
    answer: 'Refusal',
    code: 'action_closed',
  },
  {
    check: 'the review is the newest',
    what: 'an earlier round, whose approvals were dropped',
    forge(facts) {
      facts.rounds.push(planRound(facts.policy, facts.request, 2));
      lastRound(facts).preview.preview.estimate = { rows: 1_000_000 };
      renameAll(facts);
    },
    answer: 'ReviewAgain',
    code: 'digest_mismatch',
  },
  {
    check: 'the review is the newest',
    what: 'an earlier round when policy forbade what a later one showed',
    forge({ forbidden, rounds }) {
      forbidden.push({ ...rounds[0].preview, round: 2 });
    },
    answer: 'ReviewAgain',
    code: 'digest_mismatch',
  },
  {
    check: 'the expiry does not outlive the request',
    what: 'an expiry later than the agent signed',
    forge(facts) {
      facts.request.expiresAtMs = OPENED_AT_MS + HOUR_MS;
      renameAll(facts);
    },
    answer: 'Refusal',
    code: 'request_expired',
  },
  {
    check: 'the expiry does not outlive the plan',
    what: 'an expiry later than policy allows',
    forge(facts) {
      facts.rounds[0].plan.snapshot.expiresAtMs = facts.request.expiresAtMs;
      renameAll(facts);
    },
    answer: 'Refusal',
    code: 'request_expired',
  },
  ...(
    [
      ['at the very millisecond of its expiry', 0],
      ['a day after it', 24 * HOUR_MS],
    ] as const
  ).map(([what, lateMs]): Attack => ({
    check: 'the action has not expired',
    what: `an approved action asked for ${what}`,
    forge(facts) {
      facts.nowMs = facts.rounds[0].plan.snapshot.expiresAtMs + lateMs;
    },
    answer: 'Refusal',
    code: 'request_expired',
  })),
  {
    check: 'the agent has not withdrawn it',
    what: 'an approved action that its agent withdrew',
    forge({ withdrawals }) {
      withdrawals.push({
        actionId: ACTION_ID,
        agent: 'export-bot',
        reason: 'Not needed.',
        withdrawnAtMs: OPENED_AT_MS,
      });
    },
    answer: 'Refusal',
    code: 'withdrawn_by_agent',
  },
];

/** Attacks on what policy says. */
const POLICY: Attack[] = [
  {
    check: 'the operation accepts the parameters',
    what: 'a write hidden in a WITH query, signed and approved',
    forge(facts) {
      const query = 'WITH gone AS (DELETE FROM orders RETURNING id) SELECT id FROM gone';
      facts.request.params = { target: 'orders', query, format: 'csv' };
      facts.rounds[0].plan.snapshot.params = facts.request.params;
      renameAll(facts);
    },
    answer: 'Refusal',
    code: 'query_forbidden',
  },
  {
    check: 'the agent may still ask for this',
    what: 'an agent whose right to ask was taken away after the approval',
    forge: (facts) =>
      putInForce(facts, {
        file: 'stop.cedar',
        from: null,
        to: '@id("stop")\nforbid (principal == Agent::"export-bot", action == Action::"request:database.export", resource);\n',
      }),
    answer: 'Refusal',
    code: 'policy_forbids',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'bulk personal data, which policy forbids, with an approval planted',
    forge(facts) {
      facts.rounds[0].preview.flags = ['personal_data', 'no_where', 'volume'].map((code) => ({
        code,
        severity: 'high',
        sentence: 'A finding.',
      }));
      renameAll(facts);
    },
    answer: 'Refusal',
    code: 'policy_forbids',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'production planned as automatic by a forged worker',
    forge(facts) {
      const { plan } = facts.rounds[0];
      plan.plan = { ...plan.plan, stages: [], escalations: [] };
      facts.rounds[0].decisions = [];
      renameAll(facts);
    },
    answer: 'ReviewAgain',
    code: 'plan_stricter',
  },
  {
    check: 'people review what an agent asked for after it read untrusted input',
    what: 'an automatic action whose agent read untrusted input',
    forge(facts) {
      facts.request.params = { target: 'orders-staging', query: 'SELECT 1', format: 'csv' };
      facts.request.tainted = true;
      facts.rounds = [planRound(facts.policy, facts.request, 1)];
    },
    answer: 'Refusal',
    code: 'tainted_unreviewed',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'a flag of the request itself that the worker kept back',
    async forge(facts) {
      facts.request.tainted = true;
      renameAll(facts);
      await putInForce(facts, {
        file: 'stop.cedar',
        from: null,
        to: '@id("stop")\nforbid (principal, action == Action::"database.export", resource) when { context.flags.contains("untrusted_input") };\n',
      });
    },
    answer: 'Refusal',
    code: 'policy_forbids',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'one approval when policy has come to demand two',
    forge: (facts) =>
      putInForce(facts, {
        file: 'database-export.cedar',
        from: '@id("prod-export")\n@review("dba:1")',
        to: '@id("prod-export")\n@review("dba:2")',
      }),
    answer: 'ReviewAgain',
    code: 'plan_stricter',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'a lease longer than policy allows',
    forge(facts) {
      const { plan } = facts.rounds[0];
      plan.plan = { ...plan.plan, leaseTtlSeconds: 86_400 };
      renameAll(facts);
    },
    answer: 'ReviewAgain',
    code: 'plan_stricter',
  },
  {
    check: 'policy still permits it, and asks for no more than was approved',
    what: 'an escalation that policy does not know',
    forge(facts) {
      const { plan } = facts.rounds[0];
      plan.plan = { ...plan.plan, escalations: [{ afterMs: 1, group: 'data-owner' }] };
      renameAll(facts);
    },
    answer: 'ReviewAgain',
    code: 'plan_stricter',
  },
];

export const ATTACKS: readonly Attack[] = [...SWAPS, ...SIGNERS, ...TIMES, ...POLICY];
