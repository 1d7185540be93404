import { ulid } from 'ulid';
import { seal, type Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { parseOrRefuse } from '../core/invalid-field.js';
import { digestOf, sha256Hex, type JsonObject } from '../core/json.js';
import { REQUEST_LIMITS, requestSchema, type ActionRequest } from '../core/schemas/action.js';
import { statementBodySchemas, type StatementBody } from '../core/schemas/statements.js';
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
  /** Log lines for the reviewers, at most 65,536 bytes. They travel beside the request; the gateway leaves secrets out. */
  logs?: string;
  /** Where the run or trace can be seen: an https address, at most 500 characters; people see it as text. */
  link?: string;
  /** Whether untrusted input was read before asking: then people review it, whatever policy says. Default: false. */
  tainted?: boolean;
  /** An own action that ended without effect (denied, expired, withdrawn), in whose place this one is asked for. People see both. */
  replaces?: string;
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
  /** The log that the request names, to be sent beside it; null when it names none. */
  logs: string | null;
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
  requireSigner(input.agent, signer);
  const { actionId, requestDigest, request, logs } = buildRequest(input);
  const statement = buildStatement('request', { actionId, requestDigest, body: request, chain: null });
  return { actionId, requestDigest, envelope: await sealOne(statement, signer), logs };
}

/** The request that is signed. @throws Refusal `field_invalid` naming the field. */
export function buildRequest(input: RequestInput): Omit<SignedRequest, 'envelope'> & { request: ActionRequest } {
  const nowMs = input.nowMs ?? Date.now();
  const lifetimeMs = input.lifetimeMs ?? DEFAULT_LIFETIME_MS;
  if (!(lifetimeMs > 0 && lifetimeMs <= REQUEST_LIMITS.lifetimeMs)) {
    throw new Refusal('field_invalid', 'The lifetime must be more than nothing and at most 14 days.', 'lifetimeMs');
  }
  // An empty log is none.
  const logs = input.logs === undefined || input.logs === '' ? null : input.logs;
  const logBytes = new TextEncoder().encode(logs ?? '').length;
  if (logBytes > REQUEST_LIMITS.logBytes) {
    const message = `The log has ${String(logBytes)} bytes; at most ${String(REQUEST_LIMITS.logBytes)} are taken.`;
    throw new Refusal('field_invalid', message, 'logs');
  }
  const body = parseOrRefuse(requestSchema, {
    actionId: input.actionId ?? ulid(nowMs),
    agent: input.agent,
    operation: input.operation,
    params: input.params,
    reason: input.reason,
    ...(logs === null ? {} : { logs: { sha256: sha256Hex(logs), bytes: logBytes } }),
    ...(input.link === undefined ? {} : { link: input.link }),
    ...(input.tainted === undefined ? {} : { tainted: input.tainted }),
    ...(input.replaces === undefined ? {} : { replaces: input.replaces }),
    requestedAtMs: nowMs,
    expiresAtMs: nowMs + lifetimeMs,
  });
  return { actionId: body.actionId, requestDigest: digestOf(body), request: body, logs };
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
  const { actionId, requestDigest } = input;
  const body = buildWithdrawal(input, signer.agentId);
  return sealOne(buildStatement('withdrawal', { actionId, requestDigest, body, chain: null }), signer);
}

/** The withdrawal that is signed. @throws Refusal `field_invalid` naming the field. */
export function buildWithdrawal(
  { actionId, reason, nowMs = Date.now() }: Omit<WithdrawalInput, 'requestDigest'>,
  agent: string,
): StatementBody<'withdrawal'> {
  return parseOrRefuse(statementBodySchemas.withdrawal, { actionId, agent, reason, withdrawnAtMs: nowMs });
}

function requireSigner(agent: string, signer: AgentSigner): void {
  if (agent === signer.agentId) return;
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
