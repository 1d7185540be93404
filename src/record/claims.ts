import type { Refusal } from '../core/errors.js';

/** A child token's row, written before anyone can use the token. */
export interface LeaseRow {
  accessor: string;
  actionId: string;
  step: string;
  purpose: 'preview' | 'execute';
  /** Name of the target: whom to ask for a user that a crash left unnamed. */
  target: string;
  tokenRole: string;
  runId: string;
  leasedAtMs: number;
  ttlSeconds: number;
}

/** One thing that was issued under a token; by another role of Vault's than the others under it. */
export interface CredentialRow {
  /** Null when it has no lease of its own in Vault. */
  leaseId: string | null;
  accessor: string;
  vaultRole: string;
  username: string;
  target: string;
}

/** A lease whose end is not yet proven. */
export interface OpenLease extends LeaseRow {
  credentials: CredentialRow[];
}

export type ClaimAnswer =
  /** `attempt` counts from 1; `left` are leases of earlier attempts, which the caller must end before it asks Vault for more. */
  | { kind: 'claimed'; attempt: number; left: OpenLease[] }
  /** The effect began under an earlier attempt: it is never begun again. */
  | { kind: 'effect_begun'; attempt: number };

/** What must hold at the very moment an effect begins, whoever else would begin one. */
export interface BeginCondition {
  /** What is locked, over all executors: e.g. `budget/database.export`. */
  lock: string;
  /** Why it must not begin; null when it may. What it reads was committed before the lock was had. */
  refuses(): Promise<Refusal | null>;
}

/**
 * The uniqueness rows that keep an action to one effect, and the lease table. Append-only tables in PostgreSQL,
 * keyed by action and step, never by run: a reset or a forged run meets the same rows.
 */
export interface Claims {
  /** Takes the action's step, or says why not. Serialised per action. */
  claim(actionId: string, step: string, runId: string): Promise<ClaimAnswer>;
  /**
   * Marks the start of the effect; false when some attempt already did, a later attempt has claimed, or a receipt is on record.
   * @param condition asked first, and nothing that names the same lock begins in between
   * @throws the Refusal of the condition
   */
  beginEffect(actionId: string, step: string, attempt: number, condition?: BeginCondition): Promise<boolean>;
  /**
   * Works while nobody else, in whatever process, works under the same lock. What it puts on record, whoever has the lock next
   * finds there.
   */
  underLock<T>(lock: string, work: () => Promise<T>): Promise<T>;
  /** From now on no effect of this action can begin, and no lease be opened. Idempotent. @returns whether an effect had begun before. */
  endAction(actionId: string): Promise<{ effectBegan: boolean }>;
  /** @throws Refusal `action_closed` behind `endAction`: the lease must not be used. */
  insertLease(row: LeaseRow): Promise<void>;
  /** All that was issued under one token, or none of it. */
  insertCredentials(rows: readonly CredentialRow[]): Promise<void>;
  /** Marks the end of a lease as proven. Idempotent. */
  closeLease(accessor: string, provenAtMs: number): Promise<void>;
  /** Leases whose end is not proven: of one action, or of all. */
  openLeases(actionId?: string): Promise<OpenLease[]>;
  /** Whether any lease row names this accessor. */
  knowsAccessor(accessor: string): Promise<boolean>;
}
