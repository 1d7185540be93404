import { payloadDigest } from '../core/dsse.js';
import { parseJsonBody } from './json-body.js';
import { Refusal } from '../core/errors.js';
import { sha256Hex } from '../core/json.js';
import { REQUEST_LIMITS } from '../core/schemas/action.js';
import { admit, openRequest, type Admitted, type OpenedRequest } from '../operations/admit.js';
import type { OperationCatalog } from '../operations/operation.js';
import type { Policy } from '../policy/policy.js';
import { latest, type Record as ActionRecord } from '../record/record.js';
import type { ActionStart } from './action-workflows.js';
import type { Refusals } from './refusals.js';

export interface IntakeOptions {
  policy: () => Policy;
  record: ActionRecord;
  operations: OperationCatalog;
  refusals: Refusals;
  /** Starts the action's workflow, or finds it started. */
  start: (action: ActionStart) => Promise<void>;
  clock: () => number;
  /** How many actions of one agent may be open at once. */
  openActionsPerAgent: number;
}

/** What a sender hands in. */
export interface Submission {
  body: Uint8Array;
  /** The `Idempotency-Key` header, where there was one: it must be the action id. */
  idempotencyKey?: string | undefined;
  /** Where it came from, for the rate limit on recorded refusals. */
  address: string;
}

export interface Submitted {
  actionId: string;
  requestDigest: string;
}

export interface Intake {
  /**
   * Admits an agent's signed request, puts it on record and starts its workflow. The same request again is answered
   * the same and starts nothing twice.
   * @throws Refusal naming the field; it is on record and no workflow exists.
   * @throws ServiceFault when it could not be recorded or started: send the same again.
   */
  submit(submission: Submission): Promise<Submitted>;
}

/** The one door for requests. */
export function createIntake(options: IntakeOptions): Intake {
  const inTurn = createTurns();

  const accept = async (envelope: unknown, opened: OpenedRequest): Promise<void> => {
    const { policy, operations, clock, record, start } = options;
    const { actionId } = opened.request;
    const admitted = await admitUnlessKnown(opened, record, () =>
      admit({ envelope, policy: policy(), operations, nowMs: clock() }),
    );
    if (admitted === 'concluded') return;
    if (admitted === 'known') return start(startOf(opened, policy(), operations));
    await checkQuota(opened, options);
    await record.appendAgentStatement('request', actionId, opened.envelope);
    await start(startOf(opened, policy(), operations));
  };

  return {
    async submit({ body, idempotencyKey, address }) {
      let opened: OpenedRequest | null = null;
      try {
        const envelope = parseBody(body);
        opened = openRequest(envelope, options.policy().directory);
        const { request, requestDigest } = opened;
        checkKey(idempotencyKey, request.actionId);
        const found = opened;
        // One at a time for each agent, so that requests sent together cannot overrun its quota.
        await inTurn(request.agent, () => accept(envelope, found));
        return { actionId: request.actionId, requestDigest };
      } catch (error) {
        if (error instanceof Refusal) {
          const who = opened === null ? null : `agent/${opened.request.agent}`;
          // Not under the action's id: it holds no request of this digest, and would never again be about one only.
          await options.refusals.put(error, { action: null, who, sentDigest: sha256Hex(body), source: who ?? address });
        }
        throw error;
      }
    },
  };
}

async function admitUnlessKnown(
  { request, envelope }: OpenedRequest,
  record: ActionRecord,
  judge: () => Promise<Admitted>,
): Promise<'new' | 'known' | 'concluded'> {
  const statements = await record.ofAction(request.actionId);
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

async function checkQuota({ request }: OpenedRequest, { record, openActionsPerAgent }: IntakeOptions): Promise<void> {
  const open = await record.listActions({ agent: request.agent, open: true, limit: openActionsPerAgent });
  if (open.length < openActionsPerAgent) return;
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
function createTurns(): (name: string, work: () => Promise<void>) => Promise<void> {
  const last = new Map<string, Promise<void>>();
  return async (name, work) => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    last.set(name, mine);
    try {
      await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
}
