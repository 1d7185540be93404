import { payloadDigest, payloadOf, IN_TOTO_PAYLOAD_TYPE } from '../../core/dsse.js';
import { digestOf, sha256Hex } from '../../core/json.js';
import type { ActionRequest, ReviewPlan } from '../../core/schemas/action.js';
import type { ProcessName, StatementBody, StatementKind } from '../../core/schemas/statements.js';
import { previewDigestOf } from '../../core/snapshot.js';
import { buildStatement } from '../../core/statement.js';
import { viewAction } from '../../record/action-view.js';
import type { AnyRecorded } from '../../record/record.js';
import { toActionBody, type ActionBody } from './schemas.js';

/** When the example begins: 2026-11-18, 11:06:40 UTC. */
export const EXAMPLE_AT_MS = 1_795_000_000_000;
/** The example's export of two days before, for whose effect its agent was frozen. */
export const EARLIER_ACTION_ID = '01M7J0K9G0B4D9F2H6J8M1P3S5';
export const EXAMPLE_LOG = '11:05:58 read ticket OPS-4711: orders of the last seven days, for the weekly report\n';
export const EXAMPLE_LOG_SHA256 = sha256Hex(EXAMPLE_LOG);

/** The example's request: an agent, a target and people of `policies/example`. */
export const exampleRequest = {
  actionId: '01M7Q5CQG07Y2V8K3N5QX4TR6W',
  agent: 'export-bot',
  operation: 'database.export',
  params: {
    target: 'orders',
    query: 'SELECT id, placed_at, total_cents\nFROM orders\nWHERE placed_at >= $1',
    parameters: ['2026-11-11'],
    format: 'csv',
    maxRows: 20_000,
  },
  reason: 'Weekly revenue report, ticket OPS-4711.',
  logs: { sha256: EXAMPLE_LOG_SHA256, bytes: EXAMPLE_LOG.length },
  requestedAtMs: EXAMPLE_AT_MS,
  expiresAtMs: EXAMPLE_AT_MS + 4 * 3_600_000,
} satisfies ActionRequest;
const { actionId } = exampleRequest;

export const exampleWithdrawal: StatementBody<'withdrawal'> = {
  actionId,
  agent: exampleRequest.agent,
  reason: 'The report was cancelled.',
  withdrawnAtMs: EXAMPLE_AT_MS + 90_000,
};

const KEY_OF = { gateway: 'intake/1', worker: 'worker/1', executor: 'executor/1', notary: 'receipt/1' } as const;
const requestDigest = digestOf(exampleRequest);
const runId = '0199f3a2-5c1e-7d40-9b2f-3a6c8e1d4f70';
const accessor = 'preview-accessor';
const leaseId = 'database/creds/orders-preview/4kT9wQzXr2LmB7';

const shown: Pick<StatementBody<'preview'>, 'target' | 'preview' | 'flags'> = {
  target: { kind: 'postgres', name: 'orders', environment: 'production' },
  preview: {
    summary: 'Export of 1 table from orders (production), about 4,200 rows',
    facts: [
      { label: 'Target', value: 'orders (production), database orders' },
      { label: 'Tables and columns read', value: 'public.orders: id, placed_at, total_cents' },
      { label: 'Columns of the file', value: 'id bigint, placed_at date, total_cents bigint' },
      { label: 'Estimate', value: "about 4,200 rows, 100,800 bytes (the planner's guess)" },
      { label: 'Fails beyond', value: '20,000 rows' },
      { label: 'Format', value: 'CSV' },
      { label: 'Bound parameters', value: '1' },
    ],
    content: {
      language: 'sql',
      text: `${exampleRequest.params.query}\n\n-- Parameters, bound by the server:\n-- $1 = "2026-11-11"`,
    },
    fingerprint: sha256Hex('definitions'),
    estimate: { rows: 4_200, bytes: 100_800 },
  },
  flags: [{ code: 'production', severity: 'medium', sentence: 'orders is a production database.' }],
};

const plan: ReviewPlan = {
  stages: [{ group: 'dba', quorum: 1 }],
  escalations: [
    { afterMs: 600_000, group: 'dba-lead' },
    { afterMs: 1_800_000, group: 'security-oncall' },
  ],
  remindAfterMs: 300_000,
  expireAfterMs: 7_200_000,
  leaseTtlSeconds: 300,
  assurance: 'any',
  freeze: 'effect_mismatch',
  breakGlass: {
    stages: [{ group: 'security-oncall', quorum: 2 }],
    leaseTtlSeconds: 120,
    reviewWithinMs: 86_400_000,
  },
  policies: ['prod-export'],
};

const snapshot: StatementBody<'plan'>['snapshot'] = {
  actionId,
  operation: exampleRequest.operation,
  params: exampleRequest.params,
  agent: exampleRequest.agent,
  fingerprint: shown.preview.fingerprint,
  previewDigest: previewDigestOf(shown),
  planDigest: digestOf(plan),
  leaseRole: 'database/creds/orders-execute',
  expiresAtMs: EXAMPLE_AT_MS + 7_204_000,
};

/** All that is on record when people have just been asked. */
export const exampleStatements: AnyRecorded[] = recordAll([
  [null, 0, 'request', exampleRequest],
  [
    'gateway',
    200,
    'attachment',
    {
      kind: 'logs',
      sentSha256: EXAMPLE_LOG_SHA256,
      storedSha256: EXAMPLE_LOG_SHA256,
      bytes: EXAMPLE_LOG.length,
      redactions: [],
    },
  ],
  [
    'worker',
    1_000,
    'lease',
    {
      purpose: 'preview',
      accessor,
      tokenRole: 'orders-preview',
      ttlSeconds: 60,
      runId,
      leasedAtMs: EXAMPLE_AT_MS + 1_000,
    },
  ],
  [
    'worker',
    1_500,
    'credential',
    {
      accessor,
      leaseId,
      vaultRole: 'database/creds/orders-preview',
      username: 'v-orders-preview-7Q5CQG',
      target: 'orders',
      issuedAtMs: EXAMPLE_AT_MS + 1_500,
    },
  ],
  [
    'notary',
    3_000,
    'revocation',
    {
      accessor,
      proofs: [
        { asked: `vault sys/leases/lookup ${leaseId}`, answer: '400 invalid lease' },
        { asked: `vault auth/token/lookup-accessor ${accessor}`, answer: '403 invalid accessor' },
      ],
      revokedAtMs: EXAMPLE_AT_MS + 3_000,
    },
  ],
  [
    'worker',
    4_000,
    'preview',
    {
      round: 1,
      requestDigest,
      ...shown,
      gatheredAtMs: EXAMPLE_AT_MS + 3_000,
      context: {
        owners: ['carol'],
        recent: [
          {
            actionId: EARLIER_ACTION_ID,
            operation: 'database.export',
            target: 'orders',
            outcome: 'effect_mismatch',
            concludedAtMs: EXAMPLE_AT_MS - 172_000_000,
          },
        ],
      },
    },
  ],
  [
    'worker',
    4_000,
    'plan',
    {
      round: 1,
      policy: { digest: sha256Hex('bundle'), number: 12 },
      plan,
      barred: [
        { person: 'olivia', because: 'owns and may prompt agent export-bot' },
        { person: 'paul', because: 'may prompt agent export-bot' },
      ],
      snapshot,
      actionDigest: digestOf(snapshot),
      reopened: null,
      openedAtMs: EXAMPLE_AT_MS + 4_000,
    },
  ],
]);

/** What the gateway answers about it. */
export const exampleAction: ActionBody = viewed(exampleStatements);

/** A statement of the example's agent. */
export function sealExample<K extends 'request' | 'withdrawal'>(kind: K, body: StatementBody<K>) {
  return envelopeOf(buildStatement(kind, { actionId, requestDigest, body, chain: null }), 'agent/export-bot');
}

type Entry = {
  [K in StatementKind]: [by: ProcessName | null, afterMs: number, kind: K, body: StatementBody<K>];
}[StatementKind];

function recordAll(entries: readonly Entry[]): AnyRecorded[] {
  const chains = new Map<ProcessName, { number: number; previous: string }>();
  return entries.map(([by, afterMs, kind, body], index) => {
    const at = by === null ? null : (chains.get(by) ?? { number: 1, previous: sha256Hex('') });
    const chain = by === null || at === null ? null : { process: by, ...at };
    const statement = buildStatement(kind, { actionId, requestDigest, body, chain });
    const envelope = envelopeOf(statement, by === null ? 'agent/export-bot' : KEY_OF[by]);
    const digest = payloadDigest(envelope);
    if (by !== null && at !== null) chains.set(by, { number: at.number + 1, previous: digest });
    const key = kind === 'plan' ? `${runId}/1` : null;
    const recordedAtMs = EXAMPLE_AT_MS + afterMs;
    const sequence = 4_182 - entries.length + 1 + index;
    return { sequence, kind, actionId, digest, body, statement, envelope, key, recordedAtMs } as AnyRecorded;
  });
}

// Zeros in the place of the signature: a real one would need a key here.
function envelopeOf(statement: object, keyid: string) {
  const payload = Buffer.from(payloadOf(statement)).toString('base64');
  const sig = Buffer.alloc(64).toString('base64');
  return { payloadType: IN_TOTO_PAYLOAD_TYPE, payload, signatures: [{ keyid, sig }] };
}

function viewed(statements: readonly AnyRecorded[]): ActionBody {
  const view = viewAction(statements);
  if (view === undefined) throw new Error('exampleAction: the example has no request');
  return toActionBody(view);
}
