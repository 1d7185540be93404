import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';
import type { OperationHost } from '../operations/operation.js';
import type { Proof } from '../vault/leases.js';
import type { VaultClient } from '../vault/client.js';

/** A Vault path segment; whitelisted, because HTTP clients normalise `..` before Vault sees it. */
export const vaultNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/);

/** Vault token roles for the per-action child tokens. */
export const childTokenRoles = { previewTokenRole: vaultNameSchema, executeTokenRole: vaultNameSchema };

/** Both of them. */
export function tokenRolesOf(roles: { previewTokenRole: string; executeTokenRole: string }): string[] {
  return [roles.previewTokenRole, roles.executeTokenRole];
}

/** What every target has, whatever its kind. */
export const targetBase = {
  name: nameSchema,
  environment: nameSchema,
  /** People who own it: shown to reviewers. */
  owners: z.array(nameSchema).max(50),
  /** Business hours, for the "unusual hour" flag; `from` after `to` means hours across midnight. */
  hours: z.strictObject({ timeZone: z.string().max(64), from: z.int().min(0).max(23), to: z.int().min(1).max(24) }),
};

export type TargetBase = { kind: string } & z.infer<z.ZodObject<typeof targetBase>>;

/** What is wrong with a target's entry beyond the form of single fields. */
export interface TargetProblem {
  /** Path from the target's entry, e.g. `['vault', 'executeRole']`. */
  field: PropertyKey[];
  message: string;
}

/** Something that two targets may not share. */
export interface Exclusive {
  field: PropertyKey[];
  /** Equal for the same thing, e.g. `database orders.example:5432/orders`: it is shown to people. */
  key: string;
}

/** A credential of an action that must be gone. */
export interface EndedCredential<T> {
  target: T;
  actionId: string;
  /** Of its lease: what another one of the same action has at the target may be in use this very moment. */
  purpose: 'preview' | 'execute';
  /** Null when a crash left it unknown: then whatever bears the action's id and may be of this purpose. */
  username: string | null;
  /** Last part of the path of the Vault role that it was issued by; null together with `username`. */
  vaultRole: string | null;
  leasedAtMs: number;
  ttlSeconds: number;
}

/** Asks a target whether what was leased, and whatever ran under it, is gone. Read-only: ending it is Vault's part. */
export interface TargetWitness<T> {
  /** @throws ServiceFault `target` when it is not (yet) gone or cannot be asked. */
  proveGone(credential: EndedCredential<T>): Promise<Proof[]>;
  /** Lets go of what it keeps open. */
  close(): Promise<void>;
}

export interface WitnessDependencies {
  /** Logged in as the notary. */
  vault: VaultClient;
  clock: () => number;
  /** For targets that are asked by a program, e.g. `ssh`. */
  host: OperationHost;
}

/**
 * One kind of target. A new one is one file in `src/targets/` that exports `targetKind`.
 * @template T its entry in `targets.yaml`
 */
export interface TargetKind<T extends TargetBase = TargetBase> {
  /** As `targets.yaml` names it. */
  kind: T['kind'];
  /** The Cedar entity type by which policy names it, e.g. `Database`. */
  cedarType: string;
  schema: z.ZodType<T>;
  /** What the form of single fields cannot say. */
  findProblems(target: T): TargetProblem[];
  /** What is wrong with it beside the others: `tokenRoles` are those of all targets of the bundle. */
  findConflicts?(target: T, tokenRoles: readonly string[]): TargetProblem[];
  /** The thing itself, and Vault's roles: what another target may not also name. */
  exclusives(target: T): Exclusive[];
  /** Vault token roles that child tokens for it are made from. */
  tokenRoles(target: T): string[];
  createWitness(dependencies: WitnessDependencies): TargetWitness<T>;
}

/** The entry of a kind. */
export type TargetOf<K> = K extends TargetKind<infer T> ? T : never;
