import { setTimeout as delay } from 'node:timers/promises';
import {
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowUpdateFailedError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import { z } from 'zod';
import { SEARCH_ATTRIBUTES } from '../contracts/search-attributes.js';
import { startOptionsOf, type ActionStart } from '../contracts/start.js';
import { PRIVILEGED_ACTION, withdrawUpdate, type PrivilegedActionResult } from '../contracts/workflow.js';
import { workflowIdOf } from '../contracts/workflow-id.js';
import type { Envelope } from '../core/dsse.js';
import { AlreadyAsked, isRefusalCode, Refusal, ServiceFault } from '../core/errors.js';
import { actionIdSchema, digestSchema, nameSchema } from '../core/schemas/primitives.js';
import { outcomeSchema, type Outcome } from '../core/schemas/action.js';
import type { AgentSigner } from './agent-signer.js';
import { authorizeAsAgent } from './agent-token.js';
import { createGatewayApi, type GatewayApi } from './api.js';
import { normaliseBaseUrl, type BaseUrlOptions } from './base-url.js';
import type { AgentRequest } from './gateway.js';
import { createGatewayHttp } from './http.js';
import { signRequest, signWithdrawal, type SignedRequest } from './requests.js';
import { WaitTimedOut } from './wait.js';

/** How an action ended, as Temporal tells it. The receipt on record is the proof; fetch it from the gateway. */
export interface TemporalEnd {
  actionId: string;
  status: Outcome['status'];
  /** Null when this client may not read the history, or not in clear, and knows the status only. */
  outcome: Outcome | null;
}

/**
 * What an agent that holds a Temporal credential can do without the gateway.
 * All throw Refusal (the action was refused: `code` says why) or ServiceFault `temporal`.
 */
export interface CountersignTemporal {
  /** Signs a request, sends its logs to the gateway, and starts its workflow. Started twice with one `actionId`, it is one action. */
  request(input: AgentRequest): Promise<{ actionId: string; requestDigest: string }>;
  /**
   * Until the workflow has ended: by its result or, where that is not permitted or is encrypted, by describing it.
   * @throws WaitTimedOut; AlreadyAsked naming the open action (`first`) for the same, when nothing new was started: wait for that one.
   */
  wait(actionId: string, options?: { timeoutMs?: number }): Promise<TemporalEnd>;
  /** Takes an own request back. Where updates are not permitted, withdraw through the gateway. */
  withdraw(action: { actionId: string; requestDigest: string }, reason: string): Promise<void>;
}

/** A Temporal client of the agent's own, and its key. */
export interface TemporalAgentOptions {
  client: Client;
  signer: AgentSigner;
  /** Where logs are sent to; without it a request with logs is refused. */
  gateway?: BaseUrlOptions & { url: string };
}

/** The detail of a refusal's failure, as the activities make it. */
const detailSchema = z.object({
  field: z.string().nullable(),
  first: z.object({ actionId: actionIdSchema, requestDigest: digestSchema }).optional(),
});

const DESCRIBE_EVERY_MS = 2_000;
const RETRY_AFTER_MS = 1_000;
/** How long a withdrawal waits for an action that is still preparing. */
const PREPARING_MS = 30_000;
const GRPC_DEADLINE_EXCEEDED = 4;
const GRPC_PERMISSION_DENIED = 7;
const GRPC_UNAVAILABLE = 14;

/**
 * An agent's client that starts the workflow itself, with a Temporal client of its own.
 * @example
 * const connection = await Connection.connect({ address: '127.0.0.1:7233' });
 * const agent = createTemporalAgent({ client: new Client({ connection }), signer });
 * const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'Quarterly report' });
 * const { status, outcome } = await agent.wait(actionId, { timeoutMs: 60_000 });
 */
export function createTemporalAgent({ client, signer, gateway }: TemporalAgentOptions): CountersignTemporal {
  const sendLogs = gateway === undefined ? null : logSender(gateway, signer);
  return {
    request: async (input) => {
      const signed = await signRequest({ ...input, agent: signer.agentId }, signer);
      const { actionId, requestDigest, envelope, logs } = signed;
      if (logs !== null && sendLogs === null) {
        throw new Refusal('field_invalid', 'Logs go through the gateway: give `gateway`, or leave them out.', 'logs');
      }
      // First, so that people are shown them together with the request. No text of a log ever enters a workflow.
      if (logs !== null) await sendLogs?.(actionId, envelope, logs);
      await start(client, startOf(signed, input, signer));
      return { actionId, requestDigest };
    },
    wait: async (actionId, options = {}) => waitForResult(client, actionId, options.timeoutMs),
    withdraw: async ({ actionId, requestDigest }, reason) => {
      const envelope = await signWithdrawal({ actionId, requestDigest, reason }, signer);
      await sendWithdrawal(client, actionId, envelope);
    },
  };
}

function logSender(
  { url, ...options }: BaseUrlOptions & { url: string },
  signer: AgentSigner,
): GatewayApi['attachLogs'] {
  const baseUrl = normaliseBaseUrl(url, options);
  const http = createGatewayHttp({ baseUrl, authorize: authorizeAsAgent(signer, baseUrl), ...options });
  return createGatewayApi(http).attachLogs;
}

async function sendWithdrawal(client: Client, actionId: string, envelope: Envelope): Promise<void> {
  const handle = client.workflow.getHandle(workflowIdOf(actionId));
  const untilMs = performance.now() + PREPARING_MS;
  for (;;) {
    try {
      await handle.executeUpdate(withdrawUpdate, { args: [envelope] });
      return;
    } catch (error) {
      const refusal = toRefusal(error);
      // A workflow that is still preparing knows no action yet, and takes the withdrawal a moment later.
      // An encrypted answer is a refusal, since what was taken is answered with nothing; it may be this one.
      const mayBeEarly = refusal?.code === 'action_unknown' || isEncrypted(error);
      if (!mayBeEarly || performance.now() > untilMs) throw refusal ?? toFault(error);
      await delay(RETRY_AFTER_MS);
    }
  }
}

/** Every operation names its target by this parameter; which environment that is in, policy knows. */
function startOf(
  { actionId, envelope: request }: SignedRequest,
  { operation, params }: AgentRequest,
  { agentId: agent }: AgentSigner,
): ActionStart {
  const target = nameSchema.safeParse(params['target']).data;
  return { actionId, agent, operation, request, ...(target !== undefined && { target }) };
}

async function start(client: Client, action: ActionStart): Promise<void> {
  try {
    await client.workflow.start(PRIVILEGED_ACTION, startOptionsOf(action));
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      throw new Refusal(
        'action_id_spent',
        `Action ${action.actionId} was already asked for and has ended.`,
        'actionId',
      );
    }
    throw toFault(error);
  }
}

async function waitForResult(client: Client, actionId: string, timeoutMs: number | undefined): Promise<TemporalEnd> {
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const handle = client.workflow.getHandle(workflowIdOf(actionId));
  for (;;) {
    try {
      const result = async (): Promise<unknown> => handle.result();
      const ended = (await (deadline ? client.withAbortSignal(deadline, result) : result())) as PrivilegedActionResult;
      const outcome = outcomeSchema.parse(ended.outcome);
      return { actionId, status: outcome.status, outcome };
    } catch (error) {
      if (deadline?.aborted === true) throw new WaitTimedOut(actionId, null);
      if (error instanceof WorkflowFailedError) return endOfFailure(actionId, error);
      if (isGrpc(error, GRPC_PERMISSION_DENIED) || isEncrypted(error))
        return waitByDescribe(handle, actionId, deadline);
      if (!isGrpc(error, GRPC_UNAVAILABLE, GRPC_DEADLINE_EXCEEDED)) throw toFault(error);
      await delay(RETRY_AFTER_MS);
    }
  }
}

async function waitByDescribe(
  handle: WorkflowHandle,
  actionId: string,
  deadline: AbortSignal | undefined,
): Promise<TemporalEnd> {
  for (;;) {
    if (deadline?.aborted === true) throw new WaitTimedOut(actionId, null);
    try {
      const { status, typedSearchAttributes } = await handle.describe();
      if (status.name !== 'RUNNING') {
        const told = outcomeSchema.shape.status.safeParse(typedSearchAttributes.get(SEARCH_ATTRIBUTES.state));
        const byStatus = status.name === 'FAILED' ? 'refused' : status.name === 'CANCELLED' ? 'cancelled' : 'unknown';
        return { actionId, status: told.data ?? byStatus, outcome: null };
      }
    } catch (error) {
      if (!isGrpc(error, GRPC_UNAVAILABLE, GRPC_DEADLINE_EXCEEDED)) throw toFault(error);
    }
    await delay(DESCRIBE_EVERY_MS);
  }
}

function endOfFailure(actionId: string, error: WorkflowFailedError): TemporalEnd {
  const refusal = toRefusal(error);
  if (refusal !== undefined) throw refusal;
  const status = statusOfFailure(error.cause);
  const message = `The workflow of action ${actionId} ended without a result (${error.cause?.message ?? error.message}).`;
  return { actionId, status, outcome: { status, code: `workflow_${status}`, message } };
}

function statusOfFailure(cause: Error | undefined): Outcome['status'] {
  if (cause instanceof CancelledFailure) return 'cancelled';
  if (cause instanceof TerminatedFailure) return 'interrupted';
  return 'unknown';
}

function toRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError)) return undefined;
  // What an activity refused stands below the activity's own failure.
  let cause: unknown = error.cause;
  while (cause instanceof Error && !(cause instanceof ApplicationFailure)) cause = cause.cause;
  if (!(cause instanceof ApplicationFailure) || !isRefusalCode(cause.type)) return undefined;
  const detail = detailSchema.safeParse(cause.details?.[0]).data;
  if (detail?.first !== undefined) return new AlreadyAsked(detail.first);
  return new Refusal(cause.type, cause.message, detail?.field ?? null, { cause: error });
}

function toFault(error: unknown): ServiceFault {
  const message = error instanceof Error ? error.message : String(error);
  const temporary = isGrpc(error, GRPC_UNAVAILABLE, GRPC_DEADLINE_EXCEEDED);
  return new ServiceFault('temporal', `Temporal did not take it: ${message}`, temporary, { cause: error });
}

/** Countersign answered, for who has its keys: an agent has not, and asks the gateway for more. */
function isEncrypted(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // By name: the client may have come with another copy of the SDK.
  return (error.name === 'ValueError' && error.message.includes('binary/encrypted')) || isEncrypted(error.cause);
}

function isGrpc(error: unknown, ...codes: number[]): boolean {
  if (isGrpcServiceError(error)) return codes.includes(error.code);
  // The SDK wraps what its transport says.
  return error instanceof Error && error.cause !== undefined && isGrpc(error.cause, ...codes);
}
