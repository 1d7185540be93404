import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import type { WorkflowHandleWithStartDetails } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import {
  TASK_QUEUES,
  type AnnounceActivities,
  type AnnounceInput,
  type ConcludeActivities,
  type ConcludeInput,
  type CountedDecision,
  type ExecuteActivities,
  type PrepareActivities,
  type Prepared,
  type RunResult,
} from '../../src/contracts/activities.js';
import { decideUpdate, type DecisionAnswer, type PrivilegedActionResult } from '../../src/contracts/workflow.js';
import { RETROSPECTIVE_REVIEW, type DebtStanding } from '../../src/contracts/retrospective.js';
import { retrospectiveIdOf, workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { Envelope } from '../../src/core/dsse.js';
import { makeKey, newActionId, sealStatement, type TestKey } from '../support/signing.js';

const MINUTE_MS = 60_000;
export const DIGEST = 'd'.repeat(64);

/** What happened at the workflow's activities, in order. */
export interface Seen {
  announced: string[];
  escalated: string[];
  /** Signalled decisions that were handed over to be verified. */
  hints: number;
  rounds: { round: number; reopened: string | null }[];
  ran: number;
  concluded: ConcludeInput[];
}

export interface Script {
  prepared?: (base: Prepared) => Prepared;
  /** Refuses instead of preparing. */
  prepareFails?: () => Error;
  run?: (attempt: number) => Promise<RunResult>;
  verifyHint?: (envelope: unknown) => CountedDecision | null;
  /** What the record says is owed. Default: nothing. */
  readDebt?: () => DebtStanding;
  /** What the input of the review says that an earlier run told. Default: nothing. */
  reviewTold?: { reminders: number; overdue: number };
  /** What the keyring in force says. Default: no keys. */
  readKeys?: () => Awaited<ReturnType<AnnounceActivities['readKeys']>>;
  announce?: (input: AnnounceInput) => Promise<void>;
  /** Whether the channels took the end at once; by default they did. */
  told?: () => Promise<boolean>;
}

/** A workflow under test: the shipped bundle, with activities that follow a script. */
export interface Bench {
  actionId: string;
  seen: Seen;
  gateway: TestKey;
  agent: TestKey;
  handle: WorkflowHandleWithStartDetails;
  result(): Promise<PrivilegedActionResult>;
  approve(person: string, groups: string[], overrides?: Partial<DecisionParts>): Promise<DecisionAnswer>;
  decision(person: string, groups: string[], overrides?: Partial<DecisionParts>): Promise<Envelope>;
  send(envelope: unknown): Promise<DecisionAnswer>;
}

export interface DecisionParts {
  decision: 'approve' | 'deny';
  actionDigest: string;
  runId: string;
  round: number;
  breakGlass: boolean;
  key: TestKey;
}

/** The three workers of a test file; every workflow's activities follow that workflow's own script. */
export interface Yard {
  withAction<T>(script: Script, test: (bench: Bench) => Promise<T>): Promise<T>;
  /** The same of the review of a broken glass. */
  withReview<T>(script: Script, test: (bench: ReviewBench) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openYard(environment: TestWorkflowEnvironment): Promise<Yard> {
  const scripts = new Map<string, AllActivities>();
  const activities = dispatchingActivities(scripts);
  const workflowBundle = { codePath: fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url)) };
  const common = {
    connection: environment.nativeConnection,
    namespace: environment.namespace ?? 'default',
    activities,
  };
  const workers = [
    await Worker.create({ ...common, taskQueue: TASK_QUEUES.worker, workflowBundle }),
    await Worker.create({ ...common, taskQueue: TASK_QUEUES.executor }),
    await Worker.create({ ...common, taskQueue: TASK_QUEUES.notary }),
  ];
  const running = workers.map((worker) => worker.run());
  return {
    withAction: (script, test) => withAction(environment, scripts, script, test),
    withReview: (script, test) => withReview(environment, scripts, script, test),
    async close() {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
    },
  };
}

type AllActivities = PrepareActivities & AnnounceActivities & ExecuteActivities & ConcludeActivities;

function dispatchingActivities(scripts: ReadonlyMap<string, AllActivities>): AllActivities {
  const own = (): AllActivities => {
    const found = scripts.get(Context.current().info.workflowExecution?.workflowId ?? '');
    if (found === undefined) throw new Error('no script for this workflow');
    return found;
  };
  return {
    prepare: (input) => own().prepare(input),
    announce: (input) => own().announce(input),
    recordEscalation: (input) => own().recordEscalation(input),
    verifyHint: (input) => own().verifyHint(input),
    readDebt: (input) => own().readDebt(input),
    readKeys: () => own().readKeys(),
    runUnderLease: (input) => own().runUnderLease(input),
    conclude: (input) => own().conclude(input),
    sweep: () => own().sweep(),
  };
}

/** The review of a broken glass under test. */
export interface ReviewBench {
  seen: Seen;
  handle: WorkflowHandleWithStartDetails;
}

async function withReview<T>(
  environment: TestWorkflowEnvironment,
  scripts: Map<string, AllActivities>,
  script: Script,
  test: (bench: ReviewBench) => Promise<T>,
): Promise<T> {
  const actionId = newActionId();
  const seen: Seen = { announced: [], escalated: [], hints: 0, rounds: [], ran: 0, concluded: [] };
  const workflowId = retrospectiveIdOf(actionId);
  scripts.set(
    workflowId,
    scriptedActivities(script, seen, actionId, makeKey('decision/1'), makeKey('agent/export-bot')),
  );
  const handle = await environment.client.workflow.start(RETROSPECTIVE_REVIEW, {
    taskQueue: TASK_QUEUES.worker,
    workflowId,
    args: [{ actionId, ...(script.reviewTold !== undefined && { told: script.reviewTold }) }],
  });
  return test({ seen, handle });
}

/** Runs `test` with one workflow started. */
async function withAction<T>(
  environment: TestWorkflowEnvironment,
  scripts: Map<string, AllActivities>,
  script: Script,
  test: (bench: Bench) => Promise<T>,
): Promise<T> {
  const actionId = newActionId();
  const gateway = makeKey('decision/1');
  const agent = makeKey('agent/export-bot');
  const seen: Seen = { announced: [], escalated: [], hints: 0, rounds: [], ran: 0, concluded: [] };
  const workflowId = workflowIdOf(actionId);
  scripts.set(workflowId, scriptedActivities(script, seen, actionId, gateway, agent));
  const body = { actionId, agent: 'export-bot', reason: 'stands in for a request', withdrawnAtMs: 0 };
  const request = await sealStatement('withdrawal', actionId, DIGEST, body, agent);
  const handle = await environment.client.workflow.start('privilegedAction', {
    taskQueue: TASK_QUEUES.worker,
    workflowId,
    args: [{ request }],
  });
  const decision: Bench['decision'] = (person, groups, overrides = {}) =>
    sealStatement(
      'decision',
      actionId,
      DIGEST,
      {
        round: overrides.round ?? 1,
        actionDigest: overrides.actionDigest ?? DIGEST,
        runId: overrides.runId ?? handle.firstExecutionRunId,
        decision: overrides.decision ?? 'approve',
        ...(overrides.breakGlass === true && { breakGlass: true as const }),
        reason: 'checked',
        approver: { person, groups },
        via: { channel: 'api', subject: person, eventId: `${person}-event` },
        decidedAtMs: 1,
      },
      overrides.key ?? gateway,
    );
  const send = (envelope: unknown): Promise<DecisionAnswer> =>
    handle.executeUpdate(decideUpdate, { args: [envelope as Envelope] });
  return test({
    actionId,
    seen,
    gateway,
    agent,
    handle,
    result: () => handle.result() as Promise<PrivilegedActionResult>,
    decision,
    send,
    approve: async (person, groups, overrides) => send(await decision(person, groups, overrides)),
  });
}

function scriptedActivities(
  script: Script,
  seen: Seen,
  actionId: string,
  gateway: TestKey,
  agent: TestKey,
): AllActivities {
  return {
    async prepare({ round, reopened }) {
      seen.rounds.push({ round, reopened: reopened?.code ?? null });
      if (script.prepareFails !== undefined) throw script.prepareFails();
      const openedAtMs = Context.current().info.scheduledTimestampMs;
      const base: Prepared = {
        actionId,
        agent: 'export-bot',
        operation: 'database.export',
        target: 'orders',
        environment: 'production',
        title: 'database.export on orders (production)',
        risk: 'high',
        round,
        actionDigest: DIGEST,
        plan: {
          stages: [{ group: 'dba', quorum: 1 }],
          escalations: [],
          remindAfterMs: null,
          expireAfterMs: 120 * MINUTE_MS,
          leaseTtlSeconds: 300,
          assurance: 'any',
          policies: ['prod-export'],
        },
        barred: ['olivia'],
        fillable: 'now',
        openedAtMs,
        expiresAtMs: openedAtMs + 120 * MINUTE_MS,
        decisionKeys: [gateway.publicKey],
        agentKey: agent.publicKey,
      };
      return script.prepared === undefined ? base : script.prepared(base);
    },
    async announce(input) {
      seen.announced.push(input.event);
      await script.announce?.(input);
    },
    async recordEscalation({ group }) {
      seen.escalated.push(group);
    },
    async readKeys() {
      return script.readKeys === undefined ? { decisionKeys: [], intakeKeys: [] } : script.readKeys();
    },
    async readDebt() {
      return script.readDebt?.() ?? { kind: 'none' };
    },
    async verifyHint({ envelope }) {
      seen.hints += 1;
      return script.verifyHint?.(envelope) ?? null;
    },
    async runUnderLease() {
      seen.ran += 1;
      const ok: RunResult = { kind: 'finished', outcome: { status: 'succeeded', code: 'succeeded', message: 'done' } };
      return script.run === undefined ? ok : script.run(seen.ran);
    },
    async conclude(input) {
      seen.concluded.push(input);
      const { ended } = input;
      const outcome =
        ended.kind === 'ran'
          ? ({ status: 'succeeded', code: 'succeeded', message: 'done' } as const)
          : { status: ended.status, code: ended.code, message: ended.message };
      return { outcome, lease: 'revoked', told: (await script.told?.()) ?? true };
    },
    async sweep() {
      return { ended: 0, failed: 0 };
    },
  };
}
