import type { z } from 'zod';
import type { JsonObject } from '../core/json.js';
import type { Flag, Preview, TargetRef } from '../core/schemas/action.js';
import type { Target } from '../directory/targets.js';
import type { LeasedCredential } from '../vault/leases.js';

/** What the operation borrows from Vault. */
export interface CredentialNeed {
  tokenRole: string;
  credentialPath: string;
}

/** What is known of the agent's past, for flags such as "first time for this agent". */
export interface AgentPast {
  /** Finished actions of this agent with this operation on this target. */
  sameKind: number;
}

export interface PreviewContext<P> {
  params: P;
  target: Target;
  credential: LeasedCredential;
  past: AgentPast;
  nowMs: number;
  signal: AbortSignal;
}

export interface ExecuteContext<P> {
  actionId: string;
  params: P;
  target: Target;
  credential: LeasedCredential;
  /** Folder for outputs; the operation makes them appear only when complete. */
  artefactsDir: string;
  /** Until when outputs are kept. */
  retainUntilMs: number;
  /** Called from time to time; throws nothing. */
  progress(done: JsonObject): void;
  /** Aborted on cancel or shutdown: stop the work at the target, then throw. */
  signal: AbortSignal;
  /**
   * Called once, in the very session that will run the effect and before it: compares the target as it is now with
   * what was approved, records the start of the effect, and only then lets go on. Throws when it may not begin.
   */
  beginEffect(now: { preview: Preview; flags: Flag[] }): Promise<void>;
}

/**
 * One kind of privileged operation. A new one is one file in `src/operations/` that exports `operation`.
 * @template P parsed parameters
 */
export interface Operation<P = unknown> {
  /** The name agents and policy use, e.g. `database.export`. */
  name: string;
  /** One sentence for lists and docs. */
  description: string;
  /** Strict: an unknown field is refused by name. */
  paramsSchema: z.ZodType<P>;
  /** The kind of target it works on, as `targets.yaml` names it. */
  targetKind: Target['kind'];
  /** Name of the target inside the parameters. */
  targetName(params: P): string;
  /**
   * Checks that need no connection, only the target's entry in the directory: e.g. that the SQL is one SELECT. Called at admit.
   * @throws Refusal naming the field.
   */
  check(params: P, target: Target): Promise<void>;
  /** What Vault is asked for, per purpose. */
  credentialFor(purpose: 'preview' | 'execute', target: Target): CredentialNeed;
  /** Codes of flags that tell of the moment, not of the effect: they may differ when it runs. */
  momentaryFlags: readonly string[];
  /** Read-only: what would happen, and its risks. */
  preview(context: PreviewContext<P>): Promise<{ preview: Preview; flags: Flag[] }>;
  /** Why the effect now is larger than the approved one; null when it is not. */
  grew(approved: Preview, now: Preview): string | null;
  /** Runs it. Resolves with the facts of the effect. */
  execute(context: ExecuteContext<P>): Promise<JsonObject>;
  /** After a crash in the effect: what the target or the outputs say came of it; `unknown` goes to a person. */
  findOutcome(context: {
    actionId: string;
    artefactsDir: string;
  }): Promise<{ kind: 'done'; result: JsonObject } | { kind: 'unknown'; message: string }>;
  /** Compares what was declared with what was observed. */
  checkEffect(preview: Preview, result: JsonObject): Flag[];
}

export interface PreviewResult {
  target: TargetRef;
  preview: Preview;
  flags: Flag[];
}

/** All operations by name. */
export type OperationCatalog = ReadonlyMap<string, Operation>;
