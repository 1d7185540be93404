import { sha256Hex } from '../../core/json.js';
import {
  EARLIER_ACTION_ID,
  EXAMPLE_AT_MS,
  EXAMPLE_LOG,
  EXAMPLE_LOG_SHA256,
  exampleAction,
  exampleRequest,
  exampleStatements,
  exampleWithdrawal,
  sealExample,
} from './example-action.js';

/** What the OpenAPI document shows of one route. */
export interface RouteExample {
  request?: unknown;
  /** The same of an agent without a key, where that is another one. */
  keylessRequest?: unknown;
  /** Where a parameter's example is another one than of that name elsewhere. */
  parameters?: Readonly<Record<string, unknown>>;
  /** By status; by status and media type where there are several. */
  answers: Readonly<Record<string, unknown>>;
}

const { actionId, agent, operation, reason, requestedAtMs } = exampleRequest;
const revision = '4182';
const you = {
  mayDecide: true,
  mayDeny: true,
  why: 'You are in dba, who may decide now.',
  code: null,
  breakGlass: {
    may: false,
    why: 'You are in none of the groups that may break the glass: security-oncall.',
    code: 'not_an_approver',
    by: [],
  },
  assurance: { needed: 'any', met: true, why: null },
};
const shown = { ...exampleAction, you };
const summary = {
  actionId,
  state: exampleAction.state,
  target: exampleAction.target,
  risk: exampleAction.risk,
  expiresAtMs: exampleAction.expiresAtMs,
  quorum: exampleAction.quorum,
  outcome: null,
  lease: exampleAction.lease,
  request: { agent, operation, reason, requestedAtMs },
  preview: { summary: exampleAction.preview?.summary },
  breakGlass: exampleAction.breakGlass && { state: exampleAction.breakGlass.state },
};
const frozen = {
  digest: sha256Hex('freeze'),
  scope: { kind: 'agent', agent },
  because: 'person',
  by: 'erin',
  reason: 'It asks for tables that nobody told it to read.',
  actionId: null,
  frozenAtMs: EXAMPLE_AT_MS - 60_000,
  lifts: [],
  missing: 2,
};
const debt = {
  actionId: EARLIER_ACTION_ID,
  agent,
  operation,
  target: 'orders',
  by: ['erin', 'fay'],
  claimedAtMs: EXAMPLE_AT_MS - 3_600_000,
  dueAtMs: EXAMPLE_AT_MS + 82_800_000,
  isOverdue: false,
  open: ['dba'],
  mayReview: ['ben', 'carol'],
};
const alarm = {
  digest: sha256Hex('alarm'),
  code: 'ledger_row_changed',
  severity: 'critical',
  sentence:
    'Entry 312 of the ledger (statement 340 of the record): the statement was changed since it was put into the ledger.',
  stopsApprovals: true,
  raisedAtMs: EXAMPLE_AT_MS - 30_000,
  cleared: null,
};
const hash = (of: string): string => Buffer.from(sha256Hex(of), 'hex').toString('base64');
const signature = Buffer.from(`${'0'.repeat(8)}${sha256Hex('r')}${sha256Hex('s')}`, 'hex').toString('base64');
const checkpoint = `countersign.example.com/ledger\n4\n${hash('root')}\n\n— countersign.example.com/ledger ${signature}\n`;
const delivery = {
  id: `msg_${sha256Hex('delivery').slice(0, 32)}`,
  endpoint: 'chat',
  actionId,
  statement: null,
  event: 'opened',
  state: 'delivered',
  attempts: 1,
  lastStatus: 204,
  payloadSha256: sha256Hex('payload'),
  createdAtMs: EXAMPLE_AT_MS + 4_100,
  dueAtMs: null,
  deliveredAtMs: EXAMPLE_AT_MS + 4_300,
  replayedBy: null,
};
const upload = { sha256: sha256Hex('tarball'), bytes: 18_432 };
const change = `event: change\nid: ${revision}\ndata: {"revision":"${revision}"}\n\n`;
const csv = 'id,placed_at,total_cents\n90417,2026-11-11,12900\n';
const services = ['record', 'vault', 'temporal'];

/** By name of the parameter. */
export const parameterExamples: Readonly<Record<string, unknown>> = {
  actionId,
  agent,
  open: 'true',
  limit: 50,
  q: 'orders denied',
  timeoutSeconds: 30,
  sinceRevision: revision,
  'idempotency-key': '0f6b1c52-7a0e-4d3c-9a51-2f4b8f1f6f0a',
  action: actionId,
  state: 'delivered',
  id: delivery.id,
  sha256: upload.sha256,
  digest: alarm.digest,
  '*': '0/000.p/4',
};

/** By `operationId`: one export, as it stands when people have just been asked; Ben is the person, and may decide. */
export const routeExamples: Readonly<Record<string, RouteExample>> = {
  requestAction: {
    request: { ...sealExample('request', exampleRequest), logs: EXAMPLE_LOG },
    keylessRequest: { request: exampleRequest, logs: EXAMPLE_LOG },
    answers: { 202: { actionId, requestDigest: exampleAction.requestDigest, state: 'preparing', joined: false } },
  },
  listActions: {
    parameters: { before: actionId },
    answers: { 200: { actions: [summary], unreadable: [], next: null } },
  },
  attachLogs: {
    request: { ...sealExample('request', exampleRequest), logs: EXAMPLE_LOG },
    answers: { 200: { actionId, storedSha256: EXAMPLE_LOG_SHA256, bytes: EXAMPLE_LOG.length, redactions: [] } },
  },
  getLogs: { answers: { 200: EXAMPLE_LOG } },
  getAction: { answers: { 200: shown } },
  waitForAction: { answers: { 200: { revision, action: shown } } },
  getStatements: { answers: { 200: { statements: exampleStatements.map(({ envelope }) => envelope) } } },
  listStatements: {
    parameters: { before: actionId, limit: 25 },
    answers: {
      200: {
        actions: [{ actionId, statements: exampleStatements.map(({ envelope }) => envelope) }],
        unreadable: [],
        next: null,
      },
    },
  },
  getQueue: {
    answers: {
      200: { revision: '5f1c0b7a92d4e836', actions: [{ ...summary, you }], unreadable: [], truncated: false },
    },
  },
  followAction: { answers: { 200: change } },
  followQueue: { answers: { 200: change.replaceAll(revision, '5f1c0b7a92d4e836') } },
  decide: {
    request: {
      decision: 'approve',
      reason: 'Totals only, no customers.',
      actionDigest: exampleAction.actionDigest,
    },
    answers: { 200: { state: 'filled', open: [], glass: [{ group: 'security-oncall', places: 2 }] } },
  },
  withdrawAction: {
    request: sealExample('withdrawal', exampleWithdrawal),
    keylessRequest: exampleWithdrawal,
    answers: { 200: { actionId, state: 'withdrawn' } },
  },
  listIncidents: {
    parameters: { before: '4021' },
    answers: {
      200: {
        incidents: [
          {
            actionId: EARLIER_ACTION_ID,
            agent,
            code: 'effect_larger_than_preview',
            severity: 'high',
            sentence: '61,200 rows were exported; the preview had said about 4,100.',
            openedAtMs: EXAMPLE_AT_MS - 172_000_000,
            digest: sha256Hex('incident'),
            frozen: false,
          },
        ],
        unreadable: [],
        next: null,
      },
    },
  },
  listAlarms: { answers: { 200: { alarms: [alarm] } } },
  clearAlarm: {
    request: { reason: 'A restore had gone wrong; the row is back as it was.' },
    answers: {
      200: {
        ...alarm,
        cleared: {
          reason: 'A restore had gone wrong; the row is back as it was.',
          by: { person: 'erin', group: 'security' },
          clearedAtMs: EXAMPLE_AT_MS,
        },
      },
    },
  },
  getCheckpoint: { answers: { 200: checkpoint } },
  getTile: { answers: {} },
  getProof: {
    answers: { 200: `c2sp.org/tlog-proof@v1\nindex 2\n${hash('sibling')}\n${hash('pair')}\n\n${checkpoint}` },
  },
  listBudgets: {
    parameters: { agent },
    answers: {
      200: {
        budgets: [
          {
            permit: 'prod-export',
            operation: 'database.export',
            unit: 'rows',
            atMost: 2_000_000,
            windowMs: 86_400_000,
            per: 'agent',
            agent,
            target: null,
            spent: 65_300,
            left: 1_934_700,
          },
        ],
      },
    },
  },
  listDebts: { answers: { 200: { debts: [debt], unreadable: [] } } },
  reviewBrokenGlass: {
    request: { verdict: 'justified', reason: 'The shop was down, and nobody of dba could be reached.' },
    answers: { 200: { ...debt, open: [], mayReview: [] } },
  },
  listFreezes: { answers: { 200: { freezes: [frozen], unreadable: [] } } },
  freeze: { request: { scope: frozen.scope, reason: frozen.reason }, answers: { 200: frozen } },
  unfreeze: {
    request: { scope: frozen.scope, reason: 'Its prompt was mended; we read what it asked for since.' },
    answers: {
      200: { scope: frozen.scope, lifted: [], waiting: [{ freeze: frozen.digest, missing: 1 }] },
    },
  },
  listWebhookDeliveries: {
    parameters: { before: '318' },
    answers: { 200: { deliveries: [delivery], next: null } },
  },
  siemStatus: {
    answers: {
      200: {
        ledgerSize: 4_120,
        sinks: [
          {
            sink: 'splunk',
            kind: 'splunk-hec',
            next: 4_112,
            lastUid: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
            lagEntries: 8,
            lagSeconds: 42,
            rejected: 0,
            sentAtMs: EXAMPLE_AT_MS,
            lastError: 'Splunk answered 503, code 9: it is busy.',
            failingSinceMs: EXAMPLE_AT_MS + 2_000,
            seenAtMs: EXAMPLE_AT_MS + 44_000,
          },
        ],
      },
    },
  },
  replayWebhookDelivery: {
    answers: {
      202: { ...delivery, state: 'pending', dueAtMs: EXAMPLE_AT_MS + 60_000, replayedBy: 'ben' },
    },
  },
  getEvidence: { answers: { '200 application/json': '{"actionId":"01M7ZEHMG05W4P4NK1VTEZKQ8H","checkpoint":…' } },
  uploadSource: { answers: { 200: upload } },
  fetchOutput: {
    answers: {
      '200 text/csv': csv,
      '200 application/x-ndjson': '{"id":90417,"placed_at":"2026-11-11","total_cents":12900}\n',
      '200 text/plain': 'Standard output of a command.\n',
    },
  },
  getSession: {
    answers: {
      200: {
        person: { id: 'ben', name: 'Ben Berg', groups: ['dba'] },
        signedInAtMs: EXAMPLE_AT_MS - 600_000,
        authTimeMs: EXAMPLE_AT_MS - 600_000,
        acr: null,
        expiresAtMs: EXAMPLE_AT_MS + 28_200_000,
        csrf: 'a-random-text-of-this-session',
      },
    },
  },
  signOut: { answers: {} },
  health: { answers: { 200: { alive: true } } },
  readiness: {
    answers: {
      200: { ready: true, services: services.map((name) => ({ name, ok: true })) },
      503: { ready: false, services: services.map((name) => ({ name, ok: name !== 'temporal' })) },
    },
  },
  resourceMetadata: {
    answers: {
      200: {
        resource: 'https://countersign.example.com',
        authorization_servers: ['https://login.example.com'],
        bearer_methods_supported: ['header'],
      },
    },
  },
};

/** Of the answers that are errors. */
export const problemExamples = [
  {
    type: 'https://countersign.dev/problems/action_unknown',
    title: 'action unknown',
    status: 404,
    detail: 'There is no such action.',
    code: 'action_unknown',
    field: 'actionId',
  },
  {
    type: 'https://countersign.dev/problems/unavailable',
    title: 'unavailable',
    status: 503,
    detail: 'Vault is not available. Send the same again; nothing happens twice.',
    code: 'unavailable',
    field: null,
  },
];
