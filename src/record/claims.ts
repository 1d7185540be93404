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

/** Who has taken a step of an action so far. */
export interface Taken {
  /** Number of the newest attempt that claimed it; 0 when none did. */
  attempts: number;
  /** Its effect began: it is never begun again. */
  isBegun: boolean;
}

/**
 * The uniqueness rows that keep an action to one effect, and the lease table. Append-only tables in PostgreSQL,
 * keyed by action and step, never by run: a reset or a forged run meets the same rows. What a process states writes them
 * (`Record.append`): a claim and an effect, each of which is refused where another attempt was first or the action has ended; a
 * credential, and with a revocation the closure of its lease.
 */
export interface Claims {
  /** Others may take it right after: then what is stated is refused. */
  taken(actionId: string, step: string): Promise<Taken>;
  /**
   * Works while nobody else, in whatever process, works under the same lock. What it puts on record, whoever has the lock next
   * finds there.
   * @param lock over all executors: e.g. `budget/database.export`.
   */
  underLock<T>(lock: string, work: () => Promise<T>): Promise<T>;
  /** From now on no effect of this action can begin, and no lease be opened. Idempotent. @returns whether an effect had begun before. */
  endAction(actionId: string): Promise<{ effectBegan: boolean }>;
  /** @throws Refusal `action_closed` behind `endAction`: the lease must not be used. */
  insertLease(row: LeaseRow): Promise<void>;
  /** Leases whose end is not proven: of one action, or of all. */
  openLeases(actionId?: string): Promise<OpenLease[]>;
  /** Whether any lease row names this accessor. */
  knowsAccessor(accessor: string): Promise<boolean>;
}
