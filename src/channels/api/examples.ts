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
};
const delivery = {
  id: `msg_${sha256Hex('delivery').slice(0, 32)}`,
  endpoint: 'chat',
  actionId,
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
  timeoutSeconds: 30,
  sinceRevision: revision,
  'idempotency-key': '0f6b1c52-7a0e-4d3c-9a51-2f4b8f1f6f0a',
  action: actionId,
  state: 'delivered',
  id: delivery.id,
  sha256: upload.sha256,
};

/** By `operationId`: one export, as it stands when people have just been asked; Ben is the person, and may decide. */
export const routeExamples: Readonly<Record<string, RouteExample>> = {
  requestAction: {
    request: { ...sealExample('request', exampleRequest), logs: EXAMPLE_LOG },
    keylessRequest: { request: exampleRequest, logs: EXAMPLE_LOG },
    answers: { 202: { actionId, requestDigest: exampleAction.requestDigest, state: 'preparing' } },
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
    answers: { 200: { state: 'filled', open: [] } },
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
  unfreezeAgent: {
    request: { reason: 'The planner had old statistics; they are analyzed daily now.' },
    answers: { 200: { agent, lifted: [{ actionId: EARLIER_ACTION_ID, freeze: sha256Hex('freeze') }] } },
  },
  listWebhookDeliveries: {
    parameters: { before: '318' },
    answers: { 200: { deliveries: [delivery], next: null } },
  },
  replayWebhookDelivery: {
    answers: {
      202: { ...delivery, state: 'pending', dueAtMs: EXAMPLE_AT_MS + 60_000, replayedBy: 'ben' },
    },
  },
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
