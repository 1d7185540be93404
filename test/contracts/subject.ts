import type { OperationCatalog, OperationHost } from '../../src/operations/operation.js';
import type { Json, JsonObject } from '../../src/core/json.js';
import type { Target } from '../../src/targets/targets.js';
import type { LeasedCredential } from '../../src/vault/leases.js';
import type { TestInstallation } from '../support/installation.js';

/**
 * How an operation enters the contract suite: `test/contracts/subjects/<file name of the operation>.ts` exports
 * `subject: Subject`. The suite (`operations.test.ts`, `operations-crash.test.ts`) finds it by itself.
 */
export interface Subject {
  /** The operation itself, as its file in `src/operations/` exports it. */
  operation: CatalogOperation;
  /** Set when the target needs an engine that only HashiCorp's Vault has: then it runs by `npm run test:vault` alone. */
  needs?: 'hashicorp-vault';
  /**
   * Sets up a target of the installation's own on real services. What it makes in Vault bears the installation's name,
   * so that test files do not meet. For token roles and the processes' rights see `grantLeasing` in `vault-rights.ts`.
   */
  start(installation: TestInstallation): Promise<StartedSubject>;
  /**
   * The same for the suite of crashes. Default: `start`, its good parameters each time, under a bundle of the suite's own.
   */
  startForCrashes?(installation: TestInstallation): Promise<CrashSubject>;
}

/** What the suite of crashes kills executors of, again and again. */
export interface CrashSubject extends Pick<StartedSubject, 'programs' | 'reset' | 'countEffects' | 'stop'> {
  /** Who approves alone. */
  approver: string;
  /** Further settings of all processes. */
  settings?: Readonly<Record<string, string>>;
  /** Writes the bundle to start from. */
  writeBundle(folder: string): Promise<void>;
  /** Of the next action. @param policyDir the bundle that the processes were started with. */
  nextParams(policyDir: string): Promise<JsonObject>;
}

/** Any member of the catalog. */
export type CatalogOperation = OperationCatalog extends ReadonlyMap<string, infer O> ? O : never;

/** A target that stands, with the good parameters of one action on it and what must come of it. */
export interface StartedSubject {
  /** Its entry in `targets.yaml`; its owners are people of the example. The agent that asks is always `export-bot`. */
  target: Target;
  /** Parameters of an action that succeeds, and has an effect, on the target as `start` and `reset` leave it. */
  params: JsonObject;
  /** Each is refused at admit, naming the field as agents write it, e.g. `params.query`. */
  badParams: readonly { name: string; params: unknown; field: string }[];
  /** What raises which flags. `flags` must be found; the codes in `not` must not. */
  flagCases: readonly FlagCase[];
  /** How long the suite's leases last. Default 120; short where a credential ends only by its own expiry. */
  leaseSeconds?: number;
  /** Fields of the estimate that differ from one preview to the next of the same, e.g. the digest of a plan file. */
  freshEstimates?: readonly string[];
  /** What else the operation finds on the machine that it runs on. */
  host?: Pick<OperationHost, 'governed'>;
  /** Programs that the operation runs, by name: absolute paths. */
  programs?: Readonly<Record<string, string>>;

  /** The target's state as its administrator reads it: all that a preview must not change and that `undo` brings back. */
  snapshotTarget(): Promise<Json>;
  /** Changes what decides the effect of `params`: the fingerprint differs then, or `grew` says so. */
  changeWhatDecides(): Promise<void>;
  /** Changes something else of the same target: people need not look again. */
  changeElsewhere(): Promise<void>;
  /** Brings the target back to as it was after `start`. Called before every test. */
  reset(): Promise<void>;
  /** How often the action with `params` took effect since the last `reset`, as the administrator or the outputs show. */
  countEffects(ran: { actionId: string; artefactsDir: string }): Promise<number>;
  /** Takes the effect back as `result.undo` says; afterwards `snapshotTarget` is as before. Leave out where there is no undo. */
  undo?(result: JsonObject): Promise<void>;
  /** Uses the credential at the target as a thief would, in a fresh session; rejects when the target refuses it. */
  useCredential(credential: LeasedCredential, purpose: 'preview' | 'execute'): Promise<void>;
  /** Removes what `start` made beyond the installation, in Vault too. */
  stop(): Promise<void>;
}

/** One row of the table of flags. */
export interface FlagCase {
  name: string;
  /** Default: the good parameters. */
  params?: JsonObject;
  /** Fields of the target's entry that differ, e.g. `{ environment: 'production' }`. */
  target?: { readonly [field: string]: unknown };
  /** Changes the target before the preview; `reset` takes it back. */
  arrange?(): Promise<void>;
  /** Earlier actions of the same kind. Default 1. */
  past?: number;
  /** Default: the present. */
  nowMs?: number;
  flags: readonly string[];
  not?: readonly string[];
}
