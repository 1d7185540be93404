import type { Secret } from '../core/secret.js';

/** A credential to be leased for one action alone. */
export interface LeaseRequest {
  actionId: string;
  requestDigest: string;
  /** Put into the token's metadata; the request's digest while no action digest exists (preview). */
  actionDigest: string;
  runId: string;
  step: string;
  purpose: 'preview' | 'execute';
  /** Vault token role to create the child token from, e.g. `countersign-execute-orders`. */
  tokenRole: string;
  /** Vault path of the dynamic credential, e.g. `database/creds/orders-export`. */
  credentialPath: string;
  /** Name of the target, as the bundle lists it. */
  target: string;
  ttlSeconds: number;
}

/** A live credential: in this process's memory only. */
export interface LeasedCredential {
  accessor: string;
  leaseId: string;
  username: string;
  password: Secret;
  expiresAtMs: number;
}

/** One question to a system and its answer, kept as evidence that a credential is gone. */
export interface Proof {
  asked: string;
  answer: string;
}

/** Asks the target whether a user and its sessions are gone, and ends the sessions that are not. One per kind of target. */
export interface TargetWitness {
  /**
   * @param username the database user named by the lease; null when the crash left it unknown: then by action id.
   * @returns proofs when gone; throws ServiceFault `target` when it is not (yet) gone or cannot be asked.
   */
  proveGone(target: string, actionId: string, username: string | null): Promise<Proof[]>;
}

/** Leases for actions. Each step is on record before the next; see DESIGN.md "Lease". */
export interface Leases {
  /**
   * wrapped create → accessor row and statement → unwrap → read credential → credential row and statement.
   * @throws ServiceFault `vault`, temporary, when Vault is down: nothing ran.
   * @throws Refusal when the wrapping token was already unwrapped by someone else (incident; the accessor is revoked).
   */
  open(request: LeaseRequest): Promise<LeasedCredential>;
  /**
   * Revokes at Vault (lease with `sync: true`, then accessor), without proof: what the worker and the executor do in their
   * `finally`. They have no witness; the row stays open until the notary has proven the end. Never waits for the record.
   * @throws ServiceFault `vault` when Vault could not confirm it.
   */
  revoke(lease: { accessor: string; leaseId: string | null }): Promise<void>;
  /**
   * Notary only. Revokes (lease sync, then accessor) and proves the end at Vault and at the target, appends `revocation`, closes the row.
   * Idempotent; throws ServiceFault while the end cannot be proven.
   */
  end(lease: { accessor: string; actionId: string }): Promise<Proof[]>;
}
