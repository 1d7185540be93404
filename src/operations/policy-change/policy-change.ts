import { POLICY_CHANGE, POLICY_STORE } from '../../policy/governed/quorum-floor.js';
import type { PolicyStoreTarget } from '../../targets/policy-store.js';
import { ownVaultToken, type VaultToken } from '../../vault/credentials/token.js';
import type { Operation } from '../operation.js';
import { effectFlags, executeChange, findChangeOutcome } from './execute.js';
import { paramsSchema, type PolicyChangeParams } from './params.js';
import { previewChange } from './preview.js';

/** Puts another policy bundle in force. See docs/policy-changes.md. */
export const policyChange: Operation<PolicyChangeParams, PolicyStoreTarget, VaultToken> = {
  name: POLICY_CHANGE,
  description: 'Puts another policy bundle in force.',
  paramsSchema,
  targetKind: POLICY_STORE,
  targetName: ({ target }) => target,

  // All else needs what was uploaded.
  check: () => Promise.resolve(),

  credentialFor(purpose, { target: { vault } }) {
    return ownVaultToken({ tokenRole: purpose === 'preview' ? vault.previewTokenRole : vault.executeTokenRole });
  },

  momentaryFlags: ['unusual_hour', 'first_time'],
  // The comparison and the replay take a while for a large bundle.
  previewSeconds: 100,

  async preview(context) {
    const { preview, flags } = await previewChange(context.credential.material.vault, context);
    return { preview, flags };
  },

  // Whatever differs is in the fingerprint.
  grew: () => null,
  execute: executeChange,
  findOutcome: findChangeOutcome,
  checkEffect: effectFlags,
};
