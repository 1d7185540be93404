import type { ActionStart } from '../contracts/start.js';
import { payloadDigest } from '../core/dsse.js';
import { parseJsonBody } from './json-body.js';
import { AlreadyAsked, Refusal } from '../core/errors.js';
import { sha256Hex } from '../core/json.js';
import { REQUEST_LIMITS } from '../core/schemas/action.js';
import { requireNotFrozen } from '../enforcement/frozen.js';
import { admit, openRequest, type Admitted, type OpenedRequest } from '../operations/admit.js';
import type { OperationCatalog } from '../operations/operation.js';
import { readReplaced } from '../operations/replaced.js';
import type { Policy } from '../policy/policy.js';
import { askedOnce, type AskedOnce } from '../record/asked-once.js';
import { scopesOver } from '../record/freezes.js';
import { latest, type AnyRecorded, type Record as ActionRecord } from '../record/record.js';
import type { StatementBody } from '../core/schemas/statements.js';
import { requireNamedLogs, splitBody, type Attachments } from './attachments.js';
import { signRequestFor, type StandIn } from './intake-signed.js';
import { recordProvenance, verifyPrompters, type Provenance, type ReadPrompter } from './prompters.js';
import type { Refusals } from './refusals.js';
import { readSubmission } from './submission.js';

export interface IntakeOptions {
  policy: () => Policy;
  record: ActionRecord;
  operations: OperationCatalog;
  refusals: Refusals;
  attachments: Attachments;
  /** For agents without a key. */
  standIn: StandIn;
  readPrompter: ReadPrompter;
  /** Starts the action's workflow, or finds it started. */
  start: (action: ActionStart) => Promise<void>;
  clock: () => number;
  /** How many actions of one agent may be open at once. */
  openActionsPerAgent: number;
}

/** What a sender hands in. */
export interface Submission {
  /** JSON: the envelope, and beside its members `logs`, the text of the log that the request names. */
  body: Uint8Array;
  /** The bearer token of an agent without a key; such a one sends its plain request. A live credential: read once and dropped. */
  token?: string | null;
  /** The `Idempotency-Key` header, where there was one: it must be the action id. */
  idempotencyKey?: string | undefined;
  /** Where it came from, for the rate limit on recorded refusals. */
  address: string;
}

export interface Submitted {
  actionId: string;
  requestDigest: string;
  /** Whether it is an earlier action of the agent's, for the same and still open: then nothing new was started. */
  joined: boolean;
}

export interface Intake {
  /**
   * Admits an agent's signed request, puts it on record and starts its workflow. The same request again is answered
   * the same and starts nothing twice. One for the same as an open action of the agent's joins that one.
   * @throws Refusal naming the field; it is on record and no workflow exists.
   * @throws ServiceFault when it could not be recorded or started: send the same again.
   */
  submit(submission: Submission): Promise<Submitted>;
  /**
   * Takes the log of a request that its agent starts, or has started, by itself: the same body as for `submit`. A request
   * that is not on record yet is admitted and put there.
   * @throws Refusal on record; `action_closed` when the action has ended.
   * @throws ServiceFault when it could not be kept: send the same again.
   */
  attach(sent: Omit<Submission, 'idempotencyKey'> & { actionId: string }): Promise<StatementBody<'attachment'>>;
}

/** The one door for requests. */
export function createIntake(options: IntakeOptions): Intake {
  const inTurn = createTurns();

  /** Judges a request and puts it on record. */
  const accept = async (opened: OpenedRequest, provenance: Provenance | null): Promise<'open' | 'concluded'> => {
    const { policy, operations, clock, record } = options;
    const { request } = opened;
    const { actionId } = request;
    const [statements, freezes] = await Promise.all([record.ofAction(actionId), record.freezesOf(scopesOver(request))]);
    const found = await admitUnlessKnown(opened, statements, () =>
      admit({ opened, policy: policy(), operations, nowMs: clock() }),
    );
    if (found === 'concluded') return 'concluded';
    if (found === 'new') {
      requireNotFrozen(freezes, opened.request, policy().directory);
      await readReplaced(record, opened.request);
      await checkQuota(opened, askedOnce(request, provenance), options);
    }
    // Of one that is known: whether these people came with it at first.
    if (found === 'new' || (provenance !== null && latest(statements, 'provenance') === undefined))
      await record.appendAgentStatement('request', actionId, opened.envelope, askedOnce(request, provenance));
    // Before the workflow starts: who is barred must be known when it is planned.
    if (provenance !== null) {
      const { requestDigest } = opened;
      await recordProvenance(provenance, { actionId, requestDigest }, { record, statements });
    }
    return 'open';
  };

  return {
    async submit({ body, token = null, idempotencyKey, address }) {
      let opened: OpenedRequest | null = null;
      try {
        const { envelope, logs } = splitBody(parseBody(body));
        const sent = readSubmission(envelope);
        const found = await openSent(sent.request, token, options);
        opened = found;
        const { request, requestDigest } = found;
        checkKey(idempotencyKey, request.actionId);
        const provenance = await verifyPrompters(sent, request.agent, {
          directory: options.policy().directory,
          readPrompter: options.readPrompter,
          nowMs: options.clock(),
        });
        if (logs !== null) requireNamedLogs(request, logs);
        // One at a time for each agent, so that requests sent together cannot overrun its quota: on record, they count.
        const state = await inTurn(request.agent, () => accept(found, provenance));
        // First, so that people are shown it together with the request.
        if (state === 'open' && logs !== null) await options.attachments.attachLogs(found, logs);
        if (state === 'open') await options.start(startOf(found, options.policy(), options.operations));
        return { actionId: request.actionId, requestDigest, joined: false };
      } catch (error) {
        return await joinOrThrow(error, { opened, body, address }, options.refusals);
      }
    },
    async attach({ actionId, body, address }) {
      let opened: OpenedRequest | null = null;
      try {
        const { envelope, logs } = splitBody(parseBody(body));
        const found = openRequest(envelope, { directory: options.policy().directory, intakeKeys: [] });
        opened = found;
        const { request } = found;
        if (request.actionId !== actionId)
          throw new Refusal('action_id_mismatch', 'The signed request is of another action.', 'actionId');
        if (logs === null) throw new Refusal('field_invalid', 'logs: must be there', 'logs');
        requireNamedLogs(request, logs);
        if ((await inTurn(request.agent, () => accept(found, null))) === 'concluded')
          throw new Refusal('action_closed', 'The action has ended.', 'actionId');
        return await options.attachments.attachLogs(found, logs);
      } catch (error) {
        await recordRefused(error, { opened, body, address }, options.refusals);
        throw error;
      }
    },
  };
}

/** The refusal is on record either way; one that asks for the same as an open action is answered with that one. */
async function joinOrThrow(
  error: unknown,
  attempt: { opened: OpenedRequest | null; body: Uint8Array; address: string },
  refusals: Refusals,
): Promise<Submitted> {
  await recordRefused(error, attempt, refusals);
  if (error instanceof AlreadyAsked) return { ...error.first, joined: true };
  throw error;
}

async function recordRefused(
  error: unknown,
  { opened, body, address }: { opened: OpenedRequest | null; body: Uint8Array; address: string },
  refusals: Refusals,
): Promise<void> {
  if (!(error instanceof Refusal)) return;
  const who = opened === null ? null : `agent/${opened.request.agent}`;
  // Not under the action's id: it holds no request of this digest, and would never again be about one only.
  await refusals.put(error, { action: null, who, sentDigest: sha256Hex(body), source: who ?? address });
}

/** An agent's own envelope; or the plain request of one without a key, which the gateway signs once its token holds. */
async function openSent(
  sent: unknown,
  token: string | null,
  { policy, standIn }: Pick<IntakeOptions, 'policy' | 'standIn'>,
): Promise<OpenedRequest> {
  const envelope =
    token === null ? sent : await signRequestFor(await standIn.readWorkload(token), sent, standIn.signer);
  // What the gateway signed before is opened too: it is handed in again when its workflow could not be started.
  return openRequest(envelope, { directory: policy().directory, intakeKeys: standIn.keys() });
}

async function admitUnlessKnown(
  { envelope }: OpenedRequest,
  statements: readonly AnyRecorded[],
  judge: () => Promise<Admitted>,
): Promise<'new' | 'known' | 'concluded'> {
  const earlier = latest(statements, 'request');
  if (earlier === undefined) {
    await judge();
    return 'new';
  }
  if (earlier.digest !== payloadDigest(envelope)) {
    throw new Refusal('action_id_spent', 'Another request holds this action id: make a new one.', 'actionId');
  }
  // A receipt outlives Temporal's memory of the run: what is concluded is never started again.
  return latest(statements, 'receipt') === undefined ? 'known' : 'concluded';
}

async function checkQuota(
  { request }: OpenedRequest,
  once: AskedOnce,
  { record, openActionsPerAgent }: IntakeOptions,
): Promise<void> {
  const open = await record.listActions({ agent: request.agent, open: true, limit: openActionsPerAgent });
  if (open.length < openActionsPerAgent) return;
  // One that joins takes no place.
  const first = await record.openTwin(once, request.actionId);
  if (first !== null) throw new AlreadyAsked(first);
  throw new Refusal(
    'quota_exceeded',
    `The agent has ${String(openActionsPerAgent)} open actions, which is the most it may have: withdraw one, or wait.`,
  );
}

function startOf({ request, envelope }: OpenedRequest, policy: Policy, operations: OperationCatalog): ActionStart {
  const operation = operations.get(request.operation);
  const params = operation?.paramsSchema.safeParse(request.params);
  const target = params?.success === true ? operation?.targetName(params.data) : undefined;
  return {
    actionId: request.actionId,
    agent: request.agent,
    operation: request.operation,
    target: target ?? 'unknown',
    environment: (target === undefined ? undefined : policy.target(target)?.environment) ?? 'unknown',
    request: envelope,
  };
}

function parseBody(body: Uint8Array): unknown {
  if (body.length > REQUEST_LIMITS.bodyBytes) {
    throw new Refusal('body_too_large', `The body is larger than ${String(REQUEST_LIMITS.bodyBytes)} bytes.`);
  }
  return parseJsonBody(body);
}

function checkKey(idempotencyKey: string | undefined, actionId: string): void {
  if (idempotencyKey === undefined || idempotencyKey === actionId) return;
  throw new Refusal(
    'idempotency_key_reused',
    'The action id is the idempotency key: send it as Idempotency-Key, or leave the header out.',
    'Idempotency-Key',
  );
}

/** Lets pieces of work of one name follow each other. */
function createTurns(): <T>(name: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (name, work) => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}
