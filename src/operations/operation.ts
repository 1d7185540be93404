import type { z } from 'zod';
import type { JsonObject } from '../core/json.js';
import type { Flag, Preview, TargetRef } from '../core/schemas/action.js';
import type { RecordedRequest } from '../policy/compare/comparison.js';
import type { Assess } from '../policy/governed/assess.js';
import type { LoadedBundle } from '../policy/governed/bundle-document.js';
import type { Contents, KeptContents } from '../record/contents.js';
import type { TargetBase } from '../targets/target-kind.js';
import type { Target } from '../targets/targets.js';
import type { CredentialNeed, LeasedCredential } from '../vault/leases.js';

/** What is known of the agent's past, for flags such as "first time for this agent". */
export interface AgentPast {
  /** Finished actions of this agent with this operation on this target. */
  sameKind: number;
}

/** One action, as far as its operation is concerned. */
export interface Asked<P, T = Target> {
  actionId: string;
  /** The asking agent, as the directory names it. */
  agent: string;
  params: P;
  target: T;
}

/** What an operation may use of the machine it runs on. */
export interface OperationHost {
  /** A private folder for scratch files; whoever writes there removes it. */
  scratchDir: string;
  /**
   * Absolute path of an installed program, e.g. `tofu`.
   * @throws ServiceFault `host` when this process was given none.
   */
  program(name: string): string;
  /** The policy bundle that this process judges by; absent where configuration pins it and nothing changes it. */
  governed?: PolicyInForce;
}

/** What `policy.change` starts from. */
export interface PolicyInForce {
  /** Mount of the policy store that this process reads. */
  mount: string;
  inForce(): LoadedBundle;
  /** What a proposed bundle means, out of reach of all else that this process does. */
  assess: Assess;
  /** Requests that a proposed bundle is tried on; absent where no preview is made. */
  recordedRequests?(): Promise<RecordedRequest[]>;
}

export interface PreviewContext<P, T = Target, C = unknown> extends Asked<P, T> {
  credential: LeasedCredential<C>;
  past: AgentPast;
  host: OperationHost;
  /** Large things that what is approved names by digest, e.g. a plan file. */
  keepsakes: Contents;
  nowMs: number;
  signal: AbortSignal;
}

export interface ExecuteContext<P, T = Target, C = unknown> extends Asked<P, T> {
  credential: LeasedCredential<C>;
  /** As it was approved. */
  approved: Preview;
  host: OperationHost;
  /** What the preview kept. */
  keepsakes: KeptContents;
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

export interface OutcomeContext<P, T = Target, C = unknown> extends Asked<P, T> {
  /** As it was approved. */
  approved: Preview;
  /** What the preview kept. */
  keepsakes: KeptContents;
  artefactsDir: string;
  /** Leases what the operation asks with (`credentialToAsk`); it is revoked for the caller. */
  lease(): Promise<LeasedCredential<C>>;
}

export type FoundOutcome = { kind: 'done'; result: JsonObject } | { kind: 'unknown'; message: string };

/** Something that a budget can count of an operation. */
export interface Counted<P> {
  /** The most that it may come to, as the parameters bound it: set aside from when it begins until its result is known. */
  atMost(params: P): number;
  /** What it came to, by the facts of the effect; null when they do not say: then it stays at the most. */
  of(result: JsonObject): number | null;
  /** The parameter that bounds it, e.g. `maxRows`. */
  boundBy: string;
}

/**
 * One kind of privileged operation. A new one is one file in `src/operations/` that exports `operation`.
 * @template P parsed parameters
 * @template T the kind of target
 * @template C what it logs in to the target with
 */
export interface Operation<P = unknown, T extends TargetBase = Target, C = unknown> {
  /** The name agents and policy use, e.g. `database.export`. */
  name: string;
  /** One sentence for lists and docs. */
  description: string;
  /** Strict: an unknown field is refused by name. */
  paramsSchema: z.ZodType<P>;
  /** The kind of target it works on, as `targets.yaml` names it. */
  targetKind: T['kind'];
  /** Name of the target inside the parameters. */
  targetName(params: P): string;
  /**
   * Checks that need no connection, only the target's entry in the directory: e.g. that the SQL is one SELECT. Called at admit.
   * @throws Refusal naming the field.
   */
  check(params: P, target: T): Promise<void>;
  /** What Vault is asked for, per purpose. Pure: people approve the role, and the executor derives it again. */
  credentialFor(purpose: 'preview' | 'execute', asked: Asked<P, T>): CredentialNeed<C>;
  /** What `findOutcome` asks with, where that is less than the effect took. Default: what `credentialFor('execute')` says. */
  credentialToAsk?(asked: Asked<P, T>): CredentialNeed<C>;
  /**
   * Codes of flags that tell of the moment, not of the effect: another wording of one is no difference between two reviews.
   * Policy is asked with those that are there when it runs, as with all others.
   */
  momentaryFlags: readonly string[];
  /** What budgets can count of it by unit, as `@counts` in the policy schema says, too; every operation counts `actions`. */
  counts?: Readonly<Record<string, Counted<P>>>;
  /** How long the lease of a preview lasts. At most 100: the activity around it has two minutes. Default 60. */
  previewSeconds?: number;
  /** Read-only: what would happen, and its risks. */
  preview(context: PreviewContext<P, T, C>): Promise<{ preview: Preview; flags: Flag[] }>;
  /** Why the effect now is larger than the approved one; null when it is not. */
  grew(approved: Preview, now: Preview): string | null;
  /**
   * Runs it. Resolves with the facts of the effect; `undo` among them says how to take it back. Whatever it throws once the
   * effect began counts as failed, but OutcomeUnknown: then a person must look.
   */
  execute(context: ExecuteContext<P, T, C>): Promise<JsonObject>;
  /** After a crash in the effect: what the target or the outputs say came of it; `unknown` goes to a person. */
  findOutcome(context: OutcomeContext<P, T, C>): Promise<FoundOutcome>;
  /**
   * Compares what was declared with what was observed; each sentence says both. A finding of severity high or critical
   * makes the outcome `effect_mismatch`: an incident, which freezes the agent where its plan says so.
   */
  checkEffect(preview: Preview, result: JsonObject): Flag[];
}

export interface PreviewResult {
  target: TargetRef;
  preview: Preview;
  flags: Flag[];
}

/** All operations by name. */
export type OperationCatalog = ReadonlyMap<string, Operation>;
