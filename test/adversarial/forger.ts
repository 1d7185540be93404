import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import type { Stack } from '../support/stack.js';
import type { Forgery } from './forged-workflows.js';

const FORGED_QUEUE = 'forged';

/** How an attack was answered: by a result, or by a failure's type. */
export type Answered = { kind: 'answered'; result: unknown } | { kind: 'refused'; type: string; message: string };

/** An attacker with a worker and workflow code of their own, and write access to the stack's namespace. */
export interface Forger {
  /** Starts a workflow of the attacker's under any id and waits for what its activity says. */
  run(workflowId: string, forgery: Forgery): Promise<Answered>;
  /** Asks for an activity without any workflow. */
  standAlone(forgery: Forgery): Promise<Answered>;
  close(): Promise<void>;
}

export async function startForger(stack: Stack): Promise<Forger> {
  const connection = await NativeConnection.connect({ address: inject('services').temporal.address });
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('./forged-workflows.ts', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  const worker = await Worker.create({
    connection,
    namespace: stack.namespace,
    taskQueue: FORGED_QUEUE,
    workflowBundle,
    // They hold the keys too: encryption is no part of what stops them.
    dataConverter: stack.dataConverter,
  });
  const running = worker.run();
  return {
    run: (workflowId, forgery) =>
      answerOf(() =>
        stack.client.workflow.execute('forged', {
          workflowId,
          taskQueue: FORGED_QUEUE,
          args: [forgery],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        }),
      ),
    standAlone: ({ activity, taskQueue, args }) =>
      answerOf(() =>
        stack.client.activity.execute(activity, {
          id: randomUUID(),
          taskQueue,
          args,
          startToCloseTimeout: '30 seconds',
          retry: { maximumAttempts: 1 },
        }),
      ),
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}

async function answerOf(attack: () => Promise<unknown>): Promise<Answered> {
  try {
    return { kind: 'answered', result: await attack() };
  } catch (error) {
    const failure = applicationFailureIn(error);
    if (failure === undefined) throw error;
    return { kind: 'refused', type: failure.type ?? '', message: failure.message };
  }
}

/** The failure that our process gave, below what Temporal wraps around it. */
export function applicationFailureIn(error: unknown): ApplicationFailure | undefined {
  let cause: unknown = error;
  while (cause instanceof Error && !(cause instanceof ApplicationFailure)) {
    if (!(cause instanceof WorkflowFailedError || cause instanceof ActivityFailure || 'cause' in cause))
      return undefined;
    cause = cause.cause;
  }
  return cause instanceof ApplicationFailure ? cause : undefined;
}
