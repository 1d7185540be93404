import { openIam } from '../../targets/aws/iam.js';
import type { AwsTarget } from '../../targets/aws.js';
import { awsLogin, type AwsLogin } from '../../vault/credentials/aws.js';
import type { Operation } from '../operation.js';
import { effectFlags, executeChange, findChangeOutcome } from './execute.js';
import { inspectIam } from './inspect.js';
import { checkParams, paramsSchema, type AwsIamPolicyParams } from './params.js';
import { grewSince, previewOf, refuseNoChange } from './preview.js';
import { allowedCalls } from './session-policy.js';

/** Changes a managed policy's document, or attaches or detaches one. See docs/operations/aws-iam-policy.md. */
export const awsIamPolicy: Operation<AwsIamPolicyParams, AwsTarget, AwsLogin> = {
  name: 'aws.iam.policy',
  description: 'Changes the document of a managed IAM policy, or attaches or detaches one.',
  paramsSchema,
  targetKind: 'aws',
  targetName: ({ target }) => target,

  async check(params, target) {
    checkParams(params, target);
  },

  credentialFor(purpose, asked) {
    const { actionId, target } = asked;
    const { vault, credentials } = target;
    return awsLogin({
      actionId,
      purpose,
      mount: vault.mount,
      rolePrefix: vault.rolePrefix,
      tokenRole: purpose === 'preview' ? vault.previewTokenRole : vault.executeTokenRole,
      as:
        credentials.type === 'iam_user'
          ? credentials
          : {
              type: credentials.type,
              roleArn: purpose === 'preview' ? credentials.previewRoleArn : credentials.executeRoleArn,
            },
      allow: allowedCalls(purpose, asked),
    });
  },

  momentaryFlags: ['unusual_hour', 'first_time'],

  async preview({ params, target, agent, credential, past, nowMs, signal }) {
    const iam = await openIam(target, credential.material, signal);
    try {
      const state = await inspectIam(iam.ask, { params, target, agent });
      const seen = previewOf({ params, target, agent, state, past: past.sameKind, nowMs });
      refuseNoChange(params, seen.preview);
      return seen;
    } finally {
      iam.close();
    }
  },

  grew: grewSince,
  execute: executeChange,
  findOutcome: findChangeOutcome,
  checkEffect: effectFlags,
};
