import { setTimeout as pause } from 'node:timers/promises';
import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import { ApplicationFailure, WorkflowExecutionAlreadyStartedError, type UpdateDefinition } from '@temporalio/common';
import { lookSignal } from '../contracts/retrospective.js';
import { startOptionsOf, type ActionStart } from '../contracts/start.js';
import {
  decideUpdate,
  learnKeysUpdate,
  PRIVILEGED_ACTION,
  reviewStateQuery,
  withdrawUpdate,
  type DecisionAnswer,
  type ReviewState,
} from '../contracts/workflow.js';
import { isOpen } from '../contracts/run-status.js';
import { retrospectiveIdOf, workflowIdOf } from '../contracts/workflow-id.js';
import type { Envelope } from '../core/dsse.js';
import { isRefusalCode, Refusal, ServiceFault, type RefusalCode } from '../core/errors.js';

/** The gateway's side of an action's workflow. */
export interface ActionWorkflows {
  /** Starts the action's workflow, or finds it started. One that has ended is never started again. */
  start(action: ActionStart): Promise<void>;
  /** Id of the newest run; null when there is none that is open. */
  openRun(actionId: string): Promise<string | null>;
  review(actionId: string, runId: string): Promise<ReviewState>;
  /**
   * Sends a decision and waits for what it does. The same `updateId` again is answered the same.
   * @throws Refusal as the workflow's validator says; `action_closed` when the run has ended.
   */
  decide(to: UpdateAddress, decision: Envelope): Promise<DecisionAnswer>;
  withdraw(to: UpdateAddress, withdrawal: Envelope): Promise<void>;
  /** Has the workflow that waits for a broken glass' review look at the record. None may run: then nothing comes of it. */
  lookAtDebt(actionId: string): Promise<void>;
  /** Stops what runs; its lease is revoked and its receipt signed all the same. */
  cancel(actionId: string, runId: string): Promise<void>;
}

export interface UpdateAddress {
  actionId: string;
  runId: string;
  updateId: string;
}

/** How long Temporal may take to answer one call, and how long an action may still be preparing. */
const CALL_TIMEOUT_MS = 10_000;
const PREPARING_PAUSE_MS = 200;
const KEYS_ARE_OLD: readonly RefusalCode[] = ['key_unknown', 'signature_invalid'];

/** The workflows of one Temporal namespace. All of its errors are Refusal or ServiceFault. */
export function createActionWorkflows(client: Client): ActionWorkflows {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, work);
    } catch (error) {
      throw translate(error);
    }
  };

  const update = async <Answer>(
    { actionId, runId, updateId }: UpdateAddress,
    definition: UpdateDefinition<Answer, [Envelope]>,
    envelope: Envelope,
  ): Promise<Answer> => {
    const handle = client.workflow.getHandle(workflowIdOf(actionId), runId);
    const deadlineMs = Date.now() + CALL_TIMEOUT_MS;
    let hasLearnt = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        // A rejected update leaves nothing behind, so its id may be used again.
        return await call(() => handle.executeUpdate(definition, { updateId, args: [envelope] }));
      } catch (error) {
        // The caller has verified the signature: the action was prepared before the key was rotated.
        if (error instanceof Refusal && KEYS_ARE_OLD.includes(error.code) && !hasLearnt) {
          hasLearnt = true;
          await call(() => handle.executeUpdate(learnKeysUpdate));
          continue;
        }
        // The plan is on record a moment before the workflow opens its review.
        const early = error instanceof Refusal && error.code === 'action_unknown';
        if (!early) throw error;
        if (Date.now() > deadlineMs) throw new ServiceFault('temporal', 'The action is still being prepared.', true);
        await pause(PREPARING_PAUSE_MS);
      }
    }
  };

  return {
    start: (action) => call(() => startAction(client, action)),
    openRun: (actionId) =>
      call(async () => {
        try {
          const { runId, status } = await client.workflow.getHandle(workflowIdOf(actionId)).describe();
          return isOpen(status.name) ? runId : null;
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return null;
          throw error;
        }
      }),
    review: (actionId, runId) =>
      call(() => client.workflow.getHandle(workflowIdOf(actionId), runId).query(reviewStateQuery)),
    decide: (to, decision) => update(to, decideUpdate, decision),
    withdraw: async (to, withdrawal) => {
      await update(to, withdrawUpdate, withdrawal);
    },
    lookAtDebt: (actionId) =>
      call(async () => {
        try {
          await client.workflow.getHandle(retrospectiveIdOf(actionId)).signal(lookSignal);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
        }
      }),
    cancel: (actionId, runId) =>
      call(async () => {
        await client.workflow.getHandle(workflowIdOf(actionId), runId).cancel();
      }),
  };
}

async function startAction(client: Client, action: ActionStart): Promise<void> {
  try {
    await client.workflow.start(PRIVILEGED_ACTION, startOptionsOf(action));
  } catch (error) {
    // It ran and ended: what the agent asked for exists.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function translate(error: unknown): unknown {
  if (error instanceof Refusal || error instanceof ServiceFault) return error;
  if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError) {
    const { cause } = error;
    if (cause instanceof ApplicationFailure && isRefusalCode(cause.type)) {
      return new Refusal(cause.type, cause.message, null, { cause: error });
    }
    return new ServiceFault('temporal', 'The action ended before it answered.', true, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError) {
    return new Refusal('action_closed', 'The action has ended.', null, { cause: error });
  }
  const late = error instanceof WorkflowUpdateRPCTimeoutOrCancelledError;
  const message = late ? 'The action did not answer in time; no worker may be running.' : 'Temporal did not answer.';
  return new ServiceFault('temporal', message, true, { cause: error });
}
