import { Refusal } from '../../core/errors.js';
import { whyProtected, type VaultTarget } from '../../targets/vault.js';
import { ownVaultToken, type VaultToken } from '../../vault/credentials/token.js';
import type { Operation } from '../operation.js';
import { effectFlags, executePolicy, findPolicyOutcome } from './execute.js';
import { paramsSchema, type VaultPolicyParams } from './params.js';
import { grewSince, previewPolicy, proposedBy } from './preview.js';

/** Sets or deletes one Vault ACL policy. See docs/operations/vault-policy.md. */
export const vaultPolicy: Operation<VaultPolicyParams, VaultTarget, VaultToken> = {
  name: 'vault.policy',
  description: 'Sets or deletes one ACL policy of Vault.',
  paramsSchema,
  targetKind: 'vault',
  targetName: ({ target }) => target,

  check(params, target) {
    const why = whyProtected(params.name, target);
    if (why !== null)
      return Promise.reject(new Refusal('change_forbidden', `No action may touch it: ${why}.`, 'params.name'));
    return Promise.resolve(params)
      .then(proposedBy)
      .then(() => undefined);
  },

  credentialFor(purpose, { target: { vault } }) {
    return ownVaultToken({ tokenRole: purpose === 'preview' ? vault.previewTokenRole : vault.executeTokenRole });
  },

  momentaryFlags: ['unusual_hour', 'first_time'],

  async preview({ params, target, credential, past, nowMs }) {
    const input = { params, target, pastChanges: past.sameKind, nowMs };
    const { preview, flags } = await previewPolicy(credential.material.vault, input);
    return { preview, flags };
  },

  grew: grewSince,
  execute: executePolicy,
  findOutcome: findPolicyOutcome,
  checkEffect: effectFlags,
};
