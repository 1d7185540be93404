import { z } from 'zod';
import type { DecisionAnswer } from '../contracts/workflow.js';
import type { Envelope } from '../core/dsse.js';
import { Refusal, ServiceFault } from '../core/errors.js';
import type { ActionRequest } from '../core/schemas/action.js';
import type { FreezeScope, StatementBody } from '../core/schemas/statements.js';
import type { ActionView } from '../record/action-view.js';
import {
  acceptedSchema,
  actionViewSchema,
  decisionAnswerSchema,
  alarmSchema,
  alarmsSchema,
  freezesSchema,
  freezeStateSchema,
  budgetListSchema,
  incidentPageSchema,
  pageSchema,
  statementsPageSchema,
  statementsSchema,
  type StatementsPage,
  unfrozenSchema,
  waitSchema,
  siemStatusSchema,
  webhookDeliveriesSchema,
  webhookDeliverySchema,
  withdrawnSchema,
  type Accepted,
  type ActionPage,
  type FreezeList,
  type FreezeState,
  type AlarmAnswer,
  type BudgetList,
  type IncidentPage,
  type Unfrozen,
  type SiemStatus,
  type WebhookDelivery,
  type WebhookDeliveryPage,
  type Withdrawn,
} from './answers.js';
import { debtListSchema, debtSchema, type DebtAnswer, type DebtListAnswer } from './debt-answers.js';
import type { GatewayHttp } from './http.js';

/** Which actions a list is of; newest first. */
export interface ListFilter {
  agent?: string;
  /** Only those that have not ended. */
  open?: boolean;
  /** Default: the gateway's. */
  limit?: number;
  /** Only actions older than this id. */
  before?: string;
}

/**
 * Tokens (OIDC) of the people on whose behalf an agent asks, at most 5 in all. The gateway verifies and drops them; with a
 * prompter proven, only these people and the agent's owner are barred from deciding.
 */
export interface OnBehalfOf {
  prompterTokens?: readonly string[];
  schedulerTokens?: readonly string[];
}

/** A person's decision. */
export interface DecisionInput {
  decision: 'approve' | 'deny';
  /** Beside an approval: it breaks the glass. */
  breakGlass?: true;
  reason: string;
  /** Digest of what the person was shown. */
  actionDigest: string;
  /** One per decision of a person: sent again with it, a decision counts once. */
  idempotencyKey: string;
}

/** The gateway's HTTP API, one function per route. Errors are those of `GatewayHttp`. */
export interface GatewayApi {
  baseUrl: string;
  /** @param logs the text of the log that the request names; null for none. */
  submit(request: Envelope | ActionRequest, logs: string | null, tokens?: OnBehalfOf): Promise<Accepted>;
  /** Keeps a tarball of the agent's under its SHA-256, so that a request of the same agent can name it. */
  uploadSource(sha256: string, bytes: Uint8Array): Promise<void>;
  /** Sends the log of a request that is not asked for here. */
  attachLogs(actionId: string, envelope: Envelope, logs: string): Promise<void>;
  list(filter?: ListFilter): Promise<ActionPage>;
  get(actionId: string): Promise<ActionView>;
  /** Answers at once when the action's revision is not `sinceRevision`, else when it changes or the time is over. */
  poll(
    actionId: string,
    options: { timeoutSeconds: number; sinceRevision?: string; signal?: AbortSignal },
  ): Promise<{ revision: string; action: ActionView }>;
  decide(actionId: string, input: DecisionInput): Promise<DecisionAnswer>;
  withdraw(actionId: string, withdrawal: Envelope | StatementBody<'withdrawal'>): Promise<Withdrawn>;
  output(actionId: string): Promise<ReadableStream<Uint8Array>>;
  statements(actionId: string): Promise<Envelope[]>;
  /** Of all actions, newest first, a page at a time. For people. */
  statementsBefore(before: string): Promise<StatementsPage>;
  /** The `.tlog-proof` of the statement whose payload has this digest; null where no checkpoint covers it. */
  proof(digest: string): Promise<string | null>;
  /** The bytes of a tile of the ledger, e.g. `tile/0/000`. */
  tile(path: string): Promise<Uint8Array>;
  /** The evidence bundle, byte for byte as it is verified. For people. */
  evidence(actionId: string): Promise<ReadableStream<Uint8Array>>;
  /** Incidents, newest first: of all agents, or of one. For people. */
  incidents(filter?: { agent?: string; limit?: number; before?: string }): Promise<IncidentPage>;
  /** Alarms that stand, and those cleared within a week, newest first. For people. */
  alarms(): Promise<AlarmAnswer[]>;
  /** Says that an alarm was looked into. For people of the bundle's group. */
  clearAlarm(digest: string, reason: string): Promise<AlarmAnswer>;
  /** What is owed for broken glasses, oldest first. For people. */
  debts(): Promise<DebtListAnswer>;
  /** Says whether it was right to break the glass. For reviewers of the action's plan. */
  reviewBrokenGlass(
    actionId: string,
    input: { verdict: 'justified' | 'unjustified'; reason: string },
  ): Promise<DebtAnswer>;
  /** Freezes an agent, an operation or everything. For approvers. */
  freeze(scope: FreezeScope, reason: string): Promise<FreezeState>;
  /** All that is frozen now, newest first. For people. */
  freezes(): Promise<FreezeList>;
  /** Says that what froze exactly this scope may be lifted. For people. */
  unfreeze(scope: FreezeScope, reason: string): Promise<Unfrozen>;
  /** Budgets of the policy in force, and how far each is spent. For people. */
  budgets(filter?: { agent?: string }): Promise<BudgetList>;
  /** How far each SIEM sink lags behind the ledger. For people. */
  siem(): Promise<SiemStatus>;
  /** What became of webhooks, newest first. For people. */
  webhookDeliveries(filter?: {
    action?: string;
    state?: string;
    limit?: number;
    before?: string;
  }): Promise<WebhookDeliveryPage>;
  /** Has a webhook sent again, under its old id. For people. */
  replayWebhook(id: string): Promise<WebhookDelivery>;
  /** The agent's log as it is kept, its secrets left out. */
  logs(actionId: string): Promise<string>;
}

/** What a long poll's answer may take beyond the time it was asked to wait. */
const POLL_MARGIN_MS = 10_000;

/** For a slow line. */
const UPLOAD_MS = 120_000;

export function createGatewayApi(http: GatewayHttp): GatewayApi {
  const pathOf = (actionId: string): string => `/actions/${encodeURIComponent(actionId)}`;
  return {
    baseUrl: http.baseUrl,
    submit: async (request, logs, { prompterTokens = [], schedulerTokens = [] } = {}) => {
      const beside = {
        ...(logs !== null && { logs }),
        ...(prompterTokens.length > 0 && { prompterTokens }),
        ...(schedulerTokens.length > 0 && { schedulerTokens }),
      };
      // A plain request has members of its own by these names.
      const body = 'payload' in request ? { ...request, ...beside } : { request, ...beside };
      return http.json({ method: 'POST', path: '/actions', body }, acceptedSchema);
    },
    uploadSource: async (sha256, bytes) => {
      const path = `/sources/${encodeURIComponent(sha256)}`;
      await http.json({ method: 'PUT', path, bytes, timeoutMs: UPLOAD_MS }, z.unknown());
    },
    attachLogs: async (actionId, envelope, logs) => {
      await http.json({ method: 'POST', path: `${pathOf(actionId)}/logs`, body: { ...envelope, logs } }, z.unknown());
    },
    list: async ({ agent, open, limit, before } = {}) => {
      const query = { agent, open: open?.toString(), limit: limit?.toString(), before };
      return http.json({ method: 'GET', path: '/actions', query }, pageSchema);
    },
    get: async (actionId) => http.json({ method: 'GET', path: pathOf(actionId) }, actionViewSchema),
    poll: async (actionId, { timeoutSeconds, sinceRevision, signal }) => {
      const query = { timeoutSeconds: timeoutSeconds.toString(), sinceRevision };
      const timeoutMs = timeoutSeconds * 1_000 + POLL_MARGIN_MS;
      const call = { method: 'GET' as const, path: `${pathOf(actionId)}/wait`, query, timeoutMs };
      const { revision, action } = await http.json({ ...call, ...(signal && { signal }) }, waitSchema);
      return { revision: String(revision), action };
    },
    decide: async (actionId, { idempotencyKey, ...body }) => {
      const headers = { 'idempotency-key': idempotencyKey };
      return http.json({ method: 'POST', path: `${pathOf(actionId)}/decision`, headers, body }, decisionAnswerSchema);
    },
    withdraw: async (actionId, withdrawal) => {
      const path = `${pathOf(actionId)}/withdrawal`;
      return (await http.json({ method: 'POST', path, body: withdrawal }, withdrawnSchema)).state;
    },
    incidents: (filter) => listIncidents(http, filter),
    alarms: async () => (await http.json({ method: 'GET', path: '/alarms' }, alarmsSchema)).alarms,
    clearAlarm: async (digest, reason) => {
      const path = `/alarms/${encodeURIComponent(digest)}/clearance`;
      return http.json({ method: 'POST', path, body: { reason } }, alarmSchema);
    },
    ...debtsOver(http),
    ...freezingOver(http),
    budgets: (query) => listBudgets(http, query),
    siem: async () => http.json({ method: 'GET', path: '/siem' }, siemStatusSchema),
    webhookDeliveries: async ({ limit, ...filter } = {}) => {
      const query = { ...filter, limit: limit?.toString() };
      return http.json({ method: 'GET', path: '/webhooks/deliveries', query }, webhookDeliveriesSchema);
    },
    replayWebhook: async (id) => {
      const path = `/webhooks/deliveries/${encodeURIComponent(id)}/replay`;
      return http.json({ method: 'POST', path }, webhookDeliverySchema);
    },
    statementsBefore: async (before) =>
      http.json({ method: 'GET', path: '/statements', query: { before }, timeoutMs: UPLOAD_MS }, statementsPageSchema),
    proof: (digest) => proofOf(http, digest),
    tile: async (path) => readTile(await http.stream({ method: 'GET', path: `/ledger/${path}`, atRoot: true })),
    logs: async (actionId) => http.text({ method: 'GET', path: `${pathOf(actionId)}/logs` }),
    output: async (actionId) => http.stream({ method: 'GET', path: `${pathOf(actionId)}/output` }),
    evidence: async (actionId) =>
      http.stream({ method: 'GET', path: `${pathOf(actionId)}/evidence`, timeoutMs: UPLOAD_MS }),
    statements: async (actionId) =>
      (await http.json({ method: 'GET', path: `${pathOf(actionId)}/statements` }, statementsSchema)).statements,
  };
}

async function proofOf(http: GatewayHttp, digest: string): Promise<string | null> {
  try {
    return await http.text({ method: 'GET', path: `/ledger/proofs/${encodeURIComponent(digest)}` });
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not_found') return null;
    throw error;
  }
}

/** As much of it as a tile of hashes may have, and no more. */
async function readTile(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > TILE_BYTES) throw new ServiceFault('gateway', 'The gateway answered with more than a tile has.', false);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const TILE_BYTES = 8_192;

function debtsOver(http: GatewayHttp): Pick<GatewayApi, 'debts' | 'reviewBrokenGlass'> {
  return {
    debts: async () => http.json({ method: 'GET', path: '/debts' }, debtListSchema),
    reviewBrokenGlass: async (actionId, body) => {
      const path = `/actions/${encodeURIComponent(actionId)}/retrospective`;
      return http.json({ method: 'POST', path, body }, debtSchema);
    },
  };
}

function freezingOver(http: GatewayHttp): Pick<GatewayApi, 'freeze' | 'freezes' | 'unfreeze'> {
  return {
    freeze: async (scope, reason) =>
      http.json({ method: 'POST', path: '/freezes', body: { scope, reason } }, freezeStateSchema),
    freezes: async () => http.json({ method: 'GET', path: '/freezes' }, freezesSchema),
    unfreeze: async (scope, reason) =>
      http.json({ method: 'POST', path: '/unfreezes', body: { scope, reason } }, unfrozenSchema),
  };
}

function listBudgets(http: GatewayHttp, query: { agent?: string } = {}): Promise<BudgetList> {
  return http.json({ method: 'GET', path: '/budgets', query }, budgetListSchema);
}

function listIncidents(
  http: GatewayHttp,
  { agent, limit, before }: { agent?: string; limit?: number; before?: string } = {},
): Promise<IncidentPage> {
  const query = { agent, limit: limit?.toString(), before };
  return http.json({ method: 'GET', path: '/incidents', query }, incidentPageSchema);
}
