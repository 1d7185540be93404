import { z } from 'zod';
import { childTokenRoles, targetBase, tokenRolesOf, type TargetKind, type TargetProblem } from './target-kind.js';

/** A policy name, or its beginning and `*`. Vault keeps names in lower case. */
const patternSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_.-]{0,120}\*?$/, 'must be a policy name, or its beginning and *');

/** The Vault that Countersign itself leases from. */
export const vaultTargetSchema = z.strictObject({
  kind: z.literal('vault'),
  ...targetBase,
  vault: z.strictObject({
    /** Vault token roles for the per-action child tokens, which are the credentials themselves. */
    ...childTokenRoles,
  }),
  /** ACL policies that actions may touch, e.g. `app-*`. The child tokens' policies should allow no others. */
  policies: z.array(patternSchema).min(1).max(200),
  /** Of those, ones that they may not, e.g. the policies of Countersign's own processes. */
  protectedPolicies: z.array(patternSchema).max(200),
});
export type VaultTarget = z.infer<typeof vaultTargetSchema>;

/** Vault's own: one allows everything, the other is everyone's. */
const VAULTS_OWN = ['root', 'default'];

/** Why no action may touch a policy of this name; null when it may. */
export function whyProtected(
  name: string,
  target: Pick<VaultTarget, 'policies' | 'protectedPolicies' | 'vault'>,
): string | null {
  if (VAULTS_OWN.includes(name)) return `${name} is Vault's own`;
  // No policy can let Countersign change what binds it.
  const { previewTokenRole, executeTokenRole } = target.vault;
  if (
    name.startsWith('countersign') ||
    [previewTokenRole, executeTokenRole].some((role) => role.toLowerCase() === name)
  )
    return `${name} binds Countersign itself`;
  if (target.protectedPolicies.some((pattern) => matchesPolicy(name, pattern)))
    return `${name} is protected in the target's entry`;
  if (!target.policies.some((pattern) => matchesPolicy(name, pattern)))
    return `${name} is none of those that the target's entry lists`;
  return null;
}

/** Whether a name is what a pattern means. */
function matchesPolicy(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

export const targetKind: TargetKind<VaultTarget> = {
  kind: 'vault',
  cedarType: 'Vault',
  schema: vaultTargetSchema,

  findProblems(target) {
    const problems: TargetProblem[] = [];
    for (const [position, pattern] of target.policies.entries()) {
      if (pattern.endsWith('*')) continue;
      const why = whyProtected(pattern, target);
      if (why !== null) problems.push({ field: ['policies', position], message: `lists "${pattern}", but ${why}` });
    }
    return problems;
  },

  // Policies of token roles bear their names: an action could otherwise widen what other actions may.
  findConflicts(target, tokenRoles) {
    return [...new Set(tokenRoles)]
      .filter((role) => whyProtected(role.toLowerCase(), target) === null)
      .map((role) => ({
        field: ['policies'],
        message: `lists a pattern that "${role}" fits, a token role of this bundle: name it in protectedPolicies`,
      }));
  },

  // The same Vault under two names could be asked for under the laxer one.
  exclusives: () => [{ field: ['kind'], key: 'Vault' }],

  tokenRoles: ({ vault }) => tokenRolesOf(vault),

  // The token is all there was, and its accessor is proven unknown before a witness is asked.
  createWitness: () => ({ proveGone: () => Promise.resolve([]), close: () => Promise.resolve() }),
};
