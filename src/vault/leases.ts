import type { Secret } from '../core/secret.js';
import type { OpenLease } from '../record/claims.js';
import type { VaultAnswer } from './client.js';

/** Vault, asked under the child token of one action. */
export interface TokenVault {
  read(path: string): Promise<VaultAnswer>;
  write(path: string, body: object): Promise<VaultAnswer>;
  delete(path: string): Promise<VaultAnswer>;
  /** For where the token itself is the credential. */
  token: Secret;
  accessor: string;
}

/** One thing that Vault issued, as it goes on record. */
export interface IssuedName {
  /** Null when it has no lease of its own in Vault: it ends with the token, or by its own expiry. */
  leaseId: string | null;
  /** The name by which the target knows it: database user, role session, key id of a certificate. */
  username: string;
}

/** What Vault issued. */
export interface Issued<C> extends IssuedName {
  /** For how long it is good. */
  seconds: number;
  material: C;
  /** Where several were issued under the token: each of them, this one first. Default: this one by the need's role. */
  each?: readonly (IssuedName & { role: string })[];
}

/**
 * What an operation borrows from Vault.
 * @template C what the operation logs in with: it holds the secrets
 */
export interface CredentialNeed<C = unknown> {
  /** Vault token role to create the child token from, e.g. `countersign-execute-orders`. */
  tokenRole: string;
  /** What is leased, e.g. `database/creds/orders-export`: people approve it with the action. Of several, all of them. */
  role: string;
  /** Asks for it; each call uses up one of the token's uses. What has a lease is revoked by it, whatever fails later. */
  issue(vault: TokenVault): Promise<Issued<C>>;
}

/** A credential to be leased for one action alone. */
export interface LeaseRequest<C = unknown> extends CredentialNeed<C> {
  actionId: string;
  requestDigest: string;
  /** Put into the token's metadata; the request's digest while no action digest exists (preview). */
  actionDigest: string;
  runId: string;
  step: string;
  purpose: 'preview' | 'execute';
  /** Name of the target, as the bundle lists it. */
  target: string;
  ttlSeconds: number;
}

/** A live credential: in this process's memory only. */
export interface LeasedCredential<C = unknown> {
  accessor: string;
  /** Of all that was issued and has a lease of its own in Vault. */
  leaseIds: readonly string[];
  /** The name by which the target knows it; of several, the first. */
  username: string;
  material: C;
  /** When the first of what was issued ends. */
  expiresAtMs: number;
}

/** A credential just leased. */
export interface OpenedLease<C = unknown> extends LeasedCredential<C> {
  /**
   * Resolves when the record has what was issued; rejects with ServiceFault `record`. Whoever holds the credential may log
   * in and look meanwhile: no effect begins, and no preview is shown, before this.
   */
  onRecord: Promise<void>;
}

/** One question to a system and its answer, kept as evidence that a credential is gone. */
export interface Proof {
  asked: string;
  answer: string;
}

/** Leases for actions. The token is on record before it can be used; see DESIGN.md "Lease". */
export interface Leases {
  /**
   * wrapped create → accessor row and statement → unwrap → read what is needed. Its rows and statements are still on their
   * way then: see `onRecord`. Those of several come together: a crash before leaves none of them named.
   * @throws ServiceFault `vault`, temporary, when Vault is down: nothing ran.
   * @throws Refusal `lease_intercepted` when the wrapping token was already unwrapped by someone else: the accessor is revoked, and
   *   the incident is on record.
   */
  open<C>(request: LeaseRequest<C>): Promise<OpenedLease<C>>;
  /**
   * Revokes at Vault (leases with `sync: true`, then accessor), without proof: what the worker and the executor do in their
   * `finally`. They have no witness; the row stays open until the notary has proven the end. Never waits for the record.
   * @throws ServiceFault `vault` when Vault could not confirm it.
   */
  revoke(lease: { accessor: string; leaseIds: readonly string[] }): Promise<void>;
  /**
   * Notary only. Revokes (lease sync, then accessor) and proves the end at Vault and at the target, appends `revocation`, closes the row.
   * Idempotent; throws ServiceFault while the end cannot be proven.
   */
  end(lease: { accessor: string; actionId: string }): Promise<Proof[]>;
  /**
   * The same for several leases of one action that the caller has just read, side by side; what is proven goes on record in one
   * piece. @returns for each of them what `end` answers, or why it throws: whatever becomes of one, the others are tried.
   */
  endAll(leases: readonly OpenLease[], requestDigest: string): Promise<PromiseSettledResult<Proof[]>[]>;
}
