import { decodeTime } from 'ulid';
import { open, type Envelope, type PublicKey } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import { parseOrRefuse, refusalOfIssues } from '../core/invalid-field.js';
import { digestOf } from '../core/json.js';
import { REQUEST_LIMITS, type ActionRequest } from '../core/schemas/action.js';
import { envelopeSchema } from '../core/schemas/primitives.js';
import type { Statement } from '../core/schemas/statements.js';
import { subjectNameOf } from '../core/statement.js';
import type { Directory } from '../directory/directory.js';
import type { Target } from '../targets/targets.js';
import type { Policy } from '../policy/policy.js';
import { createNativeVerifier } from '../record/native-ed25519.js';
import { schemaOf } from '../record/verify-statement.js';
import type { Operation, OperationCatalog } from './operation.js';

/** A request whose signature holds and which means what it says; not yet judged by time, operation or policy. */
export interface OpenedRequest {
  envelope: Envelope;
  request: ActionRequest;
  /** SHA-256 of the canonical request: the subject of every statement about the action. */
  requestDigest: string;
  /** The key that signed it: the agent's own, or the gateway's for an agent without one. */
  agentKey: PublicKey;
}

/** A request that may go on to its preview. */
export interface Admitted extends OpenedRequest {
  operation: Operation;
  params: unknown;
  target: Target;
}

export interface AdmitInput {
  /** By `openRequest`, under the same policy's directory. */
  opened: OpenedRequest;
  policy: Policy;
  operations: OperationCatalog;
  nowMs: number;
}

/**
 * Judges an opened request before anything touches its target: times, operation, parameters, target, and policy's
 * request question. Pure but for the operation's own check; gateway and worker
 * call the same. Whether the action id is spent, and quotas, are the caller's to ask of the record.
 * @throws Refusal naming the field.
 */
export async function admit({ opened, policy, operations, nowMs }: AdmitInput): Promise<Admitted> {
  const { request } = opened;
  checkTimes(request, nowMs);
  const operation = operations.get(request.operation);
  if (operation === undefined) {
    const known = [...operations.keys()].sort().join(', ');
    throw new Refusal(
      'operation_unknown',
      `There is no operation ${request.operation}; there are: ${known}.`,
      'operation',
    );
  }
  const params = parseOrRefuse(operation.paramsSchema, request.params, 'params_invalid', 'params');
  const target = findTarget(operation, params, policy);
  await operation.check(params, target);
  const verdict = policy.mayRequest({
    agent: request.agent,
    operation: operation.name,
    target: { kind: target.kind, name: target.name, environment: target.environment },
    flags: [],
    nowMs,
  });
  if (!verdict.allowed) throw new Refusal(verdict.code, verdict.because);
  return { ...opened, operation, params, target };
}

const verifySignature = createNativeVerifier();

/** Whose signatures make a request. */
export interface RequestSigners {
  directory: Directory;
  /** The gateway's keys, for agents without one; none where only agents' own signatures are taken. */
  intakeKeys: readonly PublicKey[];
}

/**
 * Opens a signed request: by the agent's own key, or by the gateway's for an agent that the directory lists without one.
 * @throws Refusal when it is malformed, of an unknown agent, or not signed by who may sign for the agent it names.
 */
export function openRequest(envelope: unknown, { directory, intakeKeys }: RequestSigners): OpenedRequest {
  const sent = parseOrRefuse(envelopeSchema, envelope, 'envelope_malformed');
  const [{ keyid }] = sent.signatures;
  const agentKey = keyid.startsWith('agent/')
    ? directory.agentKey(keyid.slice('agent/'.length))
    : intakeKeys.find((key) => key.keyid === keyid);
  if (agentKey === undefined) {
    throw new Refusal(
      'agent_unknown',
      'The directory in force lists no agent with this key id: have it listed, or sign as one that is.',
      'signatures.0.keyid',
    );
  }
  const opened = open(sent, [agentKey], verifySignature);
  if (!opened.ok && opened.fault === 'envelope_malformed') {
    const message =
      'The payload is no JSON in UTF-8: sign the bytes of the statement, and send those very bytes as base64.';
    throw new Refusal(opened.fault, message, 'payload');
  }
  if (!opened.ok) {
    throw new Refusal(
      opened.fault,
      "The signature is not over this payload by the key that the directory in force lists for the named agent. If the agent's key was changed, sign a new request with the new one.",
      'signatures.0.sig',
    );
  }
  return readRequest(sent, opened.payload, agentKey, directory);
}

function readRequest(envelope: Envelope, payload: unknown, agentKey: PublicKey, directory: Directory): OpenedRequest {
  const statement = withinStack(() => parseStatement(payload));
  const { body: request, chain } = statement.predicate;
  const isOwn = `agent/${request.agent}` === agentKey.keyid;
  const isForIt = !agentKey.keyid.startsWith('agent/') && directory.signsByIntake(request.agent);
  if (!isOwn && !isForIt) {
    throw new Refusal('signature_invalid', 'The request names another agent than the one that signed it.', 'agent');
  }
  const requestDigest = withinStack(() => digestOf(request));
  const [subject] = statement.subject;
  // The subject names the action in every later statement: were it free, two requests could share one.
  if (subject.name !== subjectNameOf(request.actionId) || subject.digest.sha256 !== requestDigest) {
    throw new Refusal('field_invalid', "The statement's subject is not the digest of its own request.", 'subject');
  }
  if (chain !== null)
    throw new Refusal('field_invalid', 'An agent keeps no chain: it must be null.', 'predicate.chain');
  const { keyid, publicKey } = agentKey;
  return { envelope, request, requestDigest, agentKey: { keyid, publicKey } };
}

function checkTimes(request: ActionRequest, nowMs: number): void {
  const { actionId, requestedAtMs, expiresAtMs } = request;
  const bornAtMs = decodeTime(actionId);
  const latestMs = nowMs + REQUEST_LIMITS.clockSkewMs;
  const oldestMs = nowMs - REQUEST_LIMITS.lifetimeMs;
  if (requestedAtMs > latestMs) {
    throw new Refusal(
      'request_not_yet_valid',
      "The request is dated ahead of the gateway's clock: set yours.",
      'requestedAtMs',
    );
  }
  // Lists are ordered by action id: one dated ahead would stay on top of them.
  if (bornAtMs > latestMs) {
    throw new Refusal(
      'request_not_yet_valid',
      "The action id is dated ahead of the gateway's clock: set yours.",
      'actionId',
    );
  }
  if (expiresAtMs <= nowMs)
    throw new Refusal('request_expired', 'The request has expired: sign a new one.', 'expiresAtMs');
  if (requestedAtMs < oldestMs)
    throw new Refusal('request_expired', 'The request is too old: sign a new one.', 'requestedAtMs');
  if (bornAtMs < oldestMs)
    throw new Refusal('request_expired', 'The action id is too old: make a new one.', 'actionId');
}

function findTarget(operation: Operation, params: unknown, policy: Policy): Target {
  const name = operation.targetName(params);
  const target = policy.target(name);
  if (target?.kind === operation.targetKind) return target;
  throw new Refusal(
    'target_unknown',
    `The bundle lists no ${operation.targetKind} target named ${JSON.stringify(name)}.`,
    'params.target',
  );
}

/** Fields are named as the agent wrote them: `params.query`, not where the statement wraps them. */
function parseStatement(payload: unknown): Statement<'request'> {
  const parsed = schemaOf('request').safeParse(payload);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => {
    const [outer, inner, ...path] = issue.path;
    return outer === 'predicate' && inner === 'body' ? { ...issue, path } : issue;
  });
  throw refusalOfIssues(issues);
}

/** What JSON can say but we cannot name by a digest: a lone surrogate, or nesting deeper than the stack. */
export function withinStack<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw new Refusal('field_invalid', 'The request is nested too deeply.', 'params');
    if (error instanceof Refusal) throw error;
    throw new Refusal('field_invalid', 'The request holds text that is not Unicode.', null, { cause: error });
  }
}
