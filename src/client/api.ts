import { z } from 'zod';
import type { DecisionAnswer } from '../contracts/workflow.js';
import type { Envelope } from '../core/dsse.js';
import type { ActionView } from '../record/action-view.js';
import {
  acceptedSchema,
  actionViewSchema,
  decisionAnswerSchema,
  pageSchema,
  statementsSchema,
  waitSchema,
  type Accepted,
  type ActionPage,
} from './answers.js';
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

/** A person's decision. */
export interface DecisionInput {
  decision: 'approve' | 'deny';
  reason: string;
  /** Digest of what the person was shown. */
  actionDigest: string;
  /** One per decision of a person: sent again with it, a decision counts once. */
  idempotencyKey: string;
}

/** The gateway's HTTP API, one function per route. Errors are those of `GatewayHttp`. */
export interface GatewayApi {
  baseUrl: string;
  submit(envelope: Envelope): Promise<Accepted>;
  list(filter?: ListFilter): Promise<ActionPage>;
  get(actionId: string): Promise<ActionView>;
  /** Answers at once when the action's revision is not `sinceRevision`, else when it changes or the time is over. */
  poll(
    actionId: string,
    options: { timeoutSeconds: number; sinceRevision?: string; signal?: AbortSignal },
  ): Promise<{ revision: string; action: ActionView }>;
  decide(actionId: string, input: DecisionInput): Promise<DecisionAnswer>;
  withdraw(actionId: string, envelope: Envelope): Promise<void>;
  output(actionId: string): Promise<ReadableStream<Uint8Array>>;
  statements(actionId: string): Promise<Envelope[]>;
}

/** What a long poll's answer may take beyond the time it was asked to wait. */
const POLL_MARGIN_MS = 10_000;

export function createGatewayApi(http: GatewayHttp): GatewayApi {
  const pathOf = (actionId: string): string => `/actions/${encodeURIComponent(actionId)}`;
  return {
    baseUrl: http.baseUrl,
    submit: async (envelope) => http.json({ method: 'POST', path: '/actions', body: envelope }, acceptedSchema),
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
    withdraw: async (actionId, envelope) => {
      await http.json({ method: 'POST', path: `${pathOf(actionId)}/withdrawal`, body: envelope }, z.unknown());
    },
    output: async (actionId) => http.stream({ method: 'GET', path: `${pathOf(actionId)}/output` }),
    statements: async (actionId) =>
      (await http.json({ method: 'GET', path: `${pathOf(actionId)}/statements` }, statementsSchema)).statements,
  };
}
