import type { InfraTarget } from '../../targets/infra.js';
import type { Operation } from '../operation.js';
import { effectFlags, grewSince } from './effect.js';
import { executeApply } from './execute.js';
import { findApplyOutcome } from './find-outcome.js';
import { infraLogin, stateLogin, type InfraLogin } from './login.js';
import { checkAgainstTarget, paramsSchema, type InfraApplyParams } from './params.js';
import { previewApply } from './preview.js';

/** Plans and applies a configuration with OpenTofu or Terraform. See docs/operations/infra-apply.md. */
export const infraApply: Operation<InfraApplyParams, InfraTarget, InfraLogin> = {
  name: 'infra.apply',
  description: 'Applies the approved plan of an OpenTofu or Terraform configuration.',
  paramsSchema,
  targetKind: 'infra',
  targetName: ({ target }) => target,

  async check(params, target) {
    checkAgainstTarget(params, target);
  },

  credentialFor: infraLogin,
  credentialToAsk: stateLogin,

  momentaryFlags: ['unusual_hour', 'first_time'],
  previewSeconds: 100,
  preview: previewApply,
  grew: grewSince,
  execute: executeApply,
  findOutcome: findApplyOutcome,
  checkEffect: effectFlags,
};
