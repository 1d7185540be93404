import { ulid } from 'ulid';
import { seal, type Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { parseOrRefuse } from '../core/invalid-field.js';
import { digestOf, type JsonObject } from '../core/json.js';
import { REQUEST_LIMITS, requestSchema } from '../core/schemas/action.js';
import { statementBodySchemas } from '../core/schemas/statements.js';
import { buildStatement } from '../core/statement.js';
import type { AgentSigner } from './agent-signer.js';

/** How long a request stays good when the caller names no lifetime: one day. */
const DEFAULT_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** What an agent asks for. */
export interface RequestInput {
  /** The agent's id; must be the signer's. */
  agent: string;
  /** Kind of operation, e.g. `database.export`. */
  operation: string;
  /** The operation's exact parameters: this is what people approve and what runs. */
  params: JsonObject;
  /** Why, in the agent's own words; people see it marked as such. At most 2,000 characters. */
  reason: string;
  /** Log lines for the reviewers, at most 65,536 characters. */
  logs?: string;
  /** Milliseconds from now until the request may no longer begin to run. Default: one day; at most 14. */
  lifetimeMs?: number;
  /** A ULID made earlier, to send the very same request again. Default: a new one. */
  actionId?: string;
  /** Milliseconds since the epoch. Default: this machine's clock. */
  nowMs?: number;
}

/** A signed request, not yet sent. Sending the same envelope twice asks once. */
export interface SignedRequest {
  actionId: string;
  /** SHA-256 of the request's canonical JSON: the subject of every statement about the action. */
  requestDigest: string;
  envelope: Envelope;
}

/**
 * Signs a request as a DSSE envelope around an in-toto statement.
 * @throws Refusal `field_invalid` naming the field, before anything is signed.
 * @example
 * const { actionId, envelope } = await signRequest(
 *   { agent: 'reporter', operation: 'database.export', params: { target: 'orders', query: 'SELECT …' }, reason: 'Monthly report' },
 *   signer,
 * );
 */
export async function signRequest(input: RequestInput, signer: AgentSigner): Promise<SignedRequest> {
  const nowMs = input.nowMs ?? Date.now();
  const lifetimeMs = input.lifetimeMs ?? DEFAULT_LIFETIME_MS;
  if (!(lifetimeMs > 0 && lifetimeMs <= REQUEST_LIMITS.lifetimeMs)) {
    throw new Refusal('field_invalid', 'The lifetime must be more than nothing and at most 14 days.', 'lifetimeMs');
  }
  const body = parseOrRefuse(requestSchema, {
    actionId: input.actionId ?? ulid(nowMs),
    agent: requireSigner(input.agent, signer),
    operation: input.operation,
    params: input.params,
    reason: input.reason,
    ...(input.logs === undefined ? {} : { logs: input.logs }),
    requestedAtMs: nowMs,
    expiresAtMs: nowMs + lifetimeMs,
  });
  const requestDigest = digestOf(body);
  const statement = buildStatement('request', { actionId: body.actionId, requestDigest, body, chain: null });
  return { actionId: body.actionId, requestDigest, envelope: await sealOne(statement, signer) };
}

/** What an agent takes back. */
export interface WithdrawalInput {
  actionId: string;
  /** `requestDigest` of the request, as `signRequest` or the action's view tells it. */
  requestDigest: string;
  /** At most 2,000 characters. */
  reason: string;
  nowMs?: number;
}

/**
 * Signs the withdrawal of an own request.
 * @throws Refusal `field_invalid` naming the field.
 */
export async function signWithdrawal(input: WithdrawalInput, signer: AgentSigner): Promise<Envelope> {
  const { actionId, requestDigest, reason } = input;
  const body = parseOrRefuse(statementBodySchemas.withdrawal, {
    actionId,
    agent: signer.agentId,
    reason,
    withdrawnAtMs: input.nowMs ?? Date.now(),
  });
  return sealOne(buildStatement('withdrawal', { actionId, requestDigest, body, chain: null }), signer);
}

function requireSigner(agent: string, signer: AgentSigner): string {
  if (agent === signer.agentId) return agent;
  throw new Refusal(
    'field_invalid',
    `The request names agent ${agent}, the key is of agent ${signer.agentId}.`,
    'agent',
  );
}

async function sealOne(statement: unknown, signer: AgentSigner): Promise<Envelope> {
  const [envelope] = await seal([statement], signer);
  if (envelope === undefined) throw new Error('sealOne: nothing was signed');
  return envelope;
}
