import { z } from 'zod';
import { actionIdSchema, digestSchema } from '../../core/schemas/primitives.js';
import type { Secret } from '../../core/secret.js';
import { plain } from './blocks.js';
import { REASON_CHARS, SLACK_NAMES, type ButtonClick } from './interaction.js';
import { createFormSeal, type FormSeal } from './sealed-form.js';

const contextSchema = z.strictObject({
  actionId: actionIdSchema,
  actionDigest: digestSchema,
  conversation: z.string(),
  messageTs: z.string(),
});

/** What a denial's form was opened for. */
export type DenialContext = z.infer<typeof contextSchema>;

export function denialSeal(signingSecret: Secret): FormSeal<DenialContext> {
  return createFormSeal(contextSchema, { purpose: 'deny modal', again: 'Deny', signingSecret });
}

/** The modal that asks why, for one click of one person. */
export function denyModal(click: ButtonClick, signingSecret: Secret, nowMs: number): Record<string, unknown> {
  const { actionId, actionDigest, conversation, messageTs, user } = click;
  return {
    type: 'modal',
    callback_id: SLACK_NAMES.denyModal,
    title: plain('Deny this action', 24),
    submit: plain('Deny', 24),
    close: plain('Back', 24),
    private_metadata: denialSeal(signingSecret).seal({ actionId, actionDigest, conversation, messageTs }, user, nowMs),
    blocks: [
      {
        type: 'input',
        block_id: SLACK_NAMES.reasonBlock,
        label: plain('Why? The agent and the record get this reason.', 100),
        hint: plain(`Action ${actionId}`, 100),
        element: {
          type: 'plain_text_input',
          action_id: SLACK_NAMES.reasonInput,
          multiline: true,
          min_length: 1,
          max_length: REASON_CHARS,
        },
      },
    ],
  };
}
