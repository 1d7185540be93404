import { z } from 'zod';
import { childTokenRoles, targetBase, tokenRolesOf, vaultNameSchema, type TargetKind } from './target-kind.js';

/** Where the policy bundles themselves lie: a KV engine (version 2) of the Vault that Countersign leases from. */
export const policyStoreTargetSchema = z.strictObject({
  kind: z.literal('policy-store'),
  ...targetBase,
  vault: z.strictObject({
    /** Its mount; the same as every process's COUNTERSIGN_POLICY_MOUNT. */
    mount: vaultNameSchema,
    /** Vault token roles for the per-action child tokens, which are the credentials themselves. */
    ...childTokenRoles,
  }),
});
export type PolicyStoreTarget = z.infer<typeof policyStoreTargetSchema>;

export const targetKind: TargetKind<PolicyStoreTarget> = {
  kind: 'policy-store',
  cedarType: 'PolicyStore',
  schema: policyStoreTargetSchema,
  findProblems: () => [],
  // Under a second name it could be changed by laxer rules.
  exclusives: () => [{ field: ['kind'], key: 'the policy store' }],
  tokenRoles: ({ vault }) => tokenRolesOf(vault),
  // The token is all there was, and its accessor is proven unknown before a witness is asked.
  createWitness: () => ({ proveGone: () => Promise.resolve([]), close: () => Promise.resolve() }),
};
