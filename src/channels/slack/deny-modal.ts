import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import { canonicalJson } from '../../core/json.js';
import { actionIdSchema, digestSchema } from '../../core/schemas/primitives.js';
import type { Secret } from '../../core/secret.js';
import { plain } from './blocks.js';
import { REASON_CHARS, SLACK_NAMES, type ButtonClick, type SlackUser } from './interaction.js';

/** How long a person may think over an open modal. */
const MODAL_LIFETIME_MS = 60 * 60 * 1000;

const contextSchema = z.strictObject({
  actionId: actionIdSchema,
  actionDigest: digestSchema,
  conversation: z.string(),
  messageTs: z.string(),
  teamId: z.string(),
  userId: z.string(),
  expiresAtMs: z.int(),
});

/** What a modal was opened for, by whom. */
export type ModalContext = z.infer<typeof contextSchema>;

/** The modal that asks why, for one click of one person. */
export function denyModal(click: ButtonClick, signingSecret: Secret, nowMs: number): Record<string, unknown> {
  const { actionId, actionDigest, conversation, messageTs, user } = click;
  const context: ModalContext = {
    actionId,
    actionDigest,
    conversation,
    messageTs,
    ...user,
    expiresAtMs: nowMs + MODAL_LIFETIME_MS,
  };
  return {
    type: 'modal',
    callback_id: SLACK_NAMES.denyModal,
    title: plain('Deny this action', 24),
    submit: plain('Deny', 24),
    close: plain('Back', 24),
    private_metadata: JSON.stringify({ context, mac: macOf(context, signingSecret).toString('hex') }),
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

/**
 * Opens what `denyModal` sealed into the modal.
 * @throws Refusal `forbidden` when it was altered, is of another person, or is older than an hour.
 */
export function openModalContext(
  privateMetadata: string,
  user: SlackUser,
  signingSecret: Secret,
  nowMs: number,
): ModalContext {
  const sealed = sealedSchema.safeParse(parseJson(privateMetadata));
  if (!sealed.success) throw new Refusal('forbidden', 'This form was not opened by Countersign.', 'private_metadata');
  const { context, mac } = sealed.data;
  if (!timingSafeEqual(macOf(context, signingSecret), Buffer.from(mac, 'hex'))) {
    throw new Refusal('forbidden', 'This form was not opened by Countersign.', 'private_metadata');
  }
  if (context.teamId !== user.teamId || context.userId !== user.userId) {
    throw new Refusal('forbidden', 'This form was opened by somebody else.', 'private_metadata');
  }
  if (nowMs >= context.expiresAtMs) {
    throw new Refusal(
      'forbidden',
      'This form has been open for more than an hour. Close it and press Deny again.',
      'private_metadata',
    );
  }
  return context;
}

const sealedSchema = z.strictObject({ context: contextSchema, mac: z.string().regex(/^[0-9a-f]{64}$/) });

// A key of its own, so that nothing Slack signs can pass for this and the other way round.
function macOf(context: ModalContext, signingSecret: Secret): Buffer {
  const key = createHmac('sha256', signingSecret.reveal()).update('countersign deny modal v1').digest();
  return createHmac('sha256', key).update(canonicalJson(context)).digest();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
