import type { StatementBody, StatementKind } from '../../../src/core/schemas/statements.js';

const DIGEST = 'ab'.repeat(32);
const AT_MS = 1_795_000_000_000;
export const ACTION_ID = '01J9ZQ0000000000000000000A';

const outcome: StatementBody<'result'>['outcome'] = {
  status: 'succeeded',
  code: 'done',
  message: 'It ran.',
  result: { rows: 12, sha256: DIGEST, note: 'password=hunter2' },
};
const via = { channel: 'slack', subject: 'U123', eventId: 'event-1' };
const plan: StatementBody<'plan'>['plan'] = {
  stages: [{ group: 'dba', quorum: 2 }],
  escalations: [{ afterMs: 600_000, group: 'dba-lead' }],
  remindAfterMs: null,
  expireAfterMs: 7_200_000,
  leaseTtlSeconds: 300,
  assurance: 'any',
  policies: ['prod-export'],
};

/** At least one body of each kind, and of each way that it is mapped. */
export const samples: { [K in StatementKind]: readonly StatementBody<K>[] } = {
  request: [
    {
      actionId: ACTION_ID,
      agent: 'export-bot',
      operation: 'database.export',
      params: { target: 'orders', query: "select 1 where password = 'hunter2secret'" },
      reason: 'Monthly report',
      logs: { sha256: DIGEST, bytes: 12 },
      tainted: true,
      replaces: '01J9ZQ0000000000000000000B',
      requestedAtMs: AT_MS,
      expiresAtMs: AT_MS + 600_000,
    },
  ],
  withdrawal: [{ actionId: ACTION_ID, agent: 'export-bot', reason: 'Not needed.', withdrawnAtMs: AT_MS }],
  provenance: [{ prompters: ['ada'], schedulers: [], verifiedAtMs: AT_MS }],
  attachment: [
    { kind: 'logs', sentSha256: DIGEST, storedSha256: DIGEST, bytes: 10, redactions: [{ rule: 'jwt', count: 1 }] },
  ],
  refusal: [
    { code: 'params_invalid', field: 'params.query', message: 'No.', who: null, sentDigest: null },
    { code: 'self_approval', field: null, message: 'Ada owns the agent.', who: 'ada', sentDigest: DIGEST },
    { code: 'signature_invalid', field: null, message: 'No.', who: null, sentDigest: DIGEST },
  ],
  preview: [
    {
      round: 1,
      requestDigest: DIGEST,
      target: { kind: 'postgres', name: 'orders', environment: 'production' },
      preview: {
        summary: 'Export of 1 table',
        facts: [{ label: 'Rows', value: '12' }],
        content: { language: 'sql', text: 'select 1' },
        fingerprint: DIGEST,
        estimate: { rows: 12 },
      },
      flags: [
        { code: 'personal_data', severity: 'high', sentence: 'It reads e-mail addresses.' },
        { code: 'large', severity: 'low', sentence: 'Many rows.' },
      ],
      gatheredAtMs: AT_MS,
    },
  ],
  plan: [
    {
      round: 1,
      policy: { digest: DIGEST, number: 3 },
      plan,
      barred: [{ person: 'ada', because: 'owns the agent' }],
      snapshot: {
        actionId: ACTION_ID,
        operation: 'database.export',
        params: {},
        agent: 'export-bot',
        fingerprint: DIGEST,
        previewDigest: DIGEST,
        planDigest: DIGEST,
        leaseRole: 'orders-export',
        expiresAtMs: AT_MS,
      },
      actionDigest: DIGEST,
      reopened: null,
      openedAtMs: AT_MS,
    },
  ],
  decision: (['approve', 'deny', 'break'] as const).map((decision) => ({
    round: 1,
    actionDigest: DIGEST,
    runId: 'run-1',
    decision: decision === 'deny' ? 'deny' : 'approve',
    ...(decision === 'break' && { breakGlass: true as const }),
    reason: decision === 'approve' ? '' : 'Not on a Friday.',
    approver: { person: 'carol', groups: ['dba'] },
    via,
    signIn: { authTimeMs: AT_MS, acr: null },
    decidedAtMs: AT_MS,
  })),
  escalation: [{ round: 1, runId: 'run-1', group: 'dba-lead', afterMs: 600_000, firedAtMs: AT_MS }],
  claim: [
    { actionDigest: DIGEST, step: 'run', attempt: 1, runId: 'run-1', approvers: ['carol'], claimedAtMs: AT_MS },
    {
      actionDigest: DIGEST,
      step: 'run',
      attempt: 1,
      runId: 'run-1',
      approvers: ['carol', 'erin'],
      breakGlass: { by: ['carol', 'erin'], dueAtMs: AT_MS + 86_400_000 },
      claimedAtMs: AT_MS,
    },
  ],
  lease: [
    { purpose: 'execute', accessor: 'acc.1', tokenRole: 'orders', ttlSeconds: 300, runId: 'run-1', leasedAtMs: AT_MS },
  ],
  credential: [
    {
      accessor: 'acc.1',
      leaseId: 'database/creds/orders/x',
      vaultRole: 'orders-export',
      username: 'v-orders-01J9ZQ',
      target: 'orders',
      issuedAtMs: AT_MS,
    },
    { accessor: 'acc.2', leaseId: null, vaultRole: 'ssh', username: 'deploy', target: 'web-1', issuedAtMs: AT_MS },
  ],
  effect: [{ actionDigest: DIGEST, step: 'run', attempt: 1, startedAtMs: AT_MS }],
  result: [
    { step: 'run', outcome, findings: [], finishedAtMs: AT_MS },
    {
      step: 'run',
      outcome: { status: 'failed', code: 'target_error', message: 'The target refused.' },
      findings: [{ code: 'rows_differ', severity: 'high', sentence: 'More rows.' }],
      finishedAtMs: AT_MS,
    },
  ],
  incident: [
    {
      actionId: ACTION_ID,
      agent: 'export-bot',
      code: 'rows_differ',
      severity: 'critical',
      sentence: 'More rows than declared.',
      openedAtMs: AT_MS,
    },
    {
      actionId: ACTION_ID,
      agent: 'export-bot',
      code: 'break_glass_unjustified',
      severity: 'high',
      sentence: 'ben found that breaking the glass for database.export was not justified; erin and fay did.',
      by: ['erin', 'fay'],
      openedAtMs: AT_MS,
    },
  ],
  freeze: [
    { agent: 'export-bot', because: 'effect_mismatch', incident: 'rows_differ', frozenAtMs: AT_MS },
    ...(
      [
        { kind: 'agent', agent: 'export-bot' },
        { kind: 'operation', operation: 'database.export' },
        { kind: 'all' },
      ] as const
    ).map((scope) => ({
      because: 'person' as const,
      scope,
      reason: 'It behaves oddly.',
      by: { person: 'carol', group: 'dba' },
      via: { channel: 'api', subject: 'carol' },
      frozenAtMs: AT_MS,
    })),
  ],
  unfreeze: (['export-bot', undefined] as const).map((agent) => ({
    ...(agent === undefined ? {} : { agent }),
    freeze: DIGEST,
    reason: 'Looked into it.',
    by: { person: 'carol', group: 'dba' },
    via: { channel: 'api', subject: 'carol' },
    unfrozenAtMs: AT_MS,
  })),
  alarm: [
    { code: 'ledger_forked', severity: 'critical', sentence: 'Two roots.', stopsApprovals: true, raisedAtMs: AT_MS },
  ],
  clearance: [
    {
      alarm: DIGEST,
      reason: 'A restored backup.',
      by: { person: 'carol', group: 'dba' },
      via: { channel: 'api', subject: 'carol' },
      clearedAtMs: AT_MS,
    },
  ],
  adoption: [
    { number: 1, digest: DIGEST, previous: null, genesis: DIGEST, change: null, adoptedAtMs: AT_MS },
    { number: 2, digest: DIGEST, previous: DIGEST, genesis: DIGEST, change: ACTION_ID, adoptedAtMs: AT_MS },
  ],
  retrospective: (['justified', 'unjustified'] as const).map((verdict) => ({
    claim: DIGEST,
    verdict,
    reason: 'The shop was down, and nobody else was awake.',
    by: { person: 'carol', groups: ['dba'] },
    via: { channel: 'api', subject: 'carol' },
    reviewedAtMs: AT_MS,
  })),
  revocation: [{ accessor: 'acc.1', proofs: [{ asked: 'Vault: accessor', answer: 'unknown' }], revokedAtMs: AT_MS }],
  receipt: (
    [
      ['revoked', false],
      ['open', false],
      ['revoked', true],
      ['none', false],
    ] as const
  ).map(([lease, closing]) => ({
    actionDigest: DIGEST,
    outcome,
    lease,
    approvers: ['carol'],
    statements: [DIGEST],
    closing,
    concludedAtMs: AT_MS,
  })),
  archive: [
    {
      histories: [{ runId: 'run-1', sha256: DIGEST, bytes: 100, events: 40, kept: true }],
      policies: [{ digest: DIGEST, sha256: DIGEST }],
      archivedAtMs: AT_MS,
    },
  ],
  fetch: [{ by: 'ada', artefactDigest: DIGEST, fetchedAtMs: AT_MS }],
};
