import { Refusal } from '../../core/errors.js';
import { sha256Hex } from '../../core/json.js';
import type { Secret } from '../../core/secret.js';
import type { Person } from '../../directory/directory.js';
import type { Decisions } from '../decisions.js';
import type { MessageStore } from '../message/message-store.js';
import { MESSAGE_SLOT } from '../message/showings.js';
import { denialSeal, denyModal } from './deny-modal.js';
import { attempt, wordsFor, type Ending } from '../attempt.js';
import { memberOf, personOf, type IdentityOptions } from './identity.js';
import { REASON_CHARS, type ButtonClick, type DenySubmission, type SlackUser } from './interaction.js';
import type { SlackApi } from './slack-api.js';
import { SLACK_CHANNEL_NAME } from './show-message.js';

export interface HandlerOptions extends IdentityOptions {
  api: SlackApi;
  decisions: Decisions;
  store: Pick<MessageStore, 'shown'>;
  /** Also seals modals, under a key derived from it. */
  signingSecret: Secret;
  clock: () => number;
}

/** An ending, and the conversation that its message is in, if the modal was ours. */
export interface PlacedEnding extends Ending {
  conversation: string | null;
}

/** Where an attempt came from. */
export interface Origin {
  user: SlackUser;
  actionId: string;
  conversation: string;
  messageTs: string;
}

/** Approve was clicked. Never rejects. */
export function approve(click: ButtonClick, options: HandlerOptions): Promise<Ending> {
  return attempt(
    () => authorise(click, options),
    async (person) =>
      wordsFor(
        await options.decisions.decide({
          actionId: click.actionId,
          actionDigest: click.actionDigest,
          decision: 'approve',
          reason: '',
          person,
          via: viaOf(click.user, `${click.conversation}/${click.messageTs}/${click.clickTs}`),
        }),
      ),
  );
}

/** Deny was clicked: asks for the reason. Never rejects; the ending of a modal that opened has no words. */
export async function openDenial(click: ButtonClick, options: HandlerOptions): Promise<Ending> {
  const { api, signingSecret, clock } = options;
  return attempt(
    async () => {
      await personOf(click.user, options);
      await checkOurs(click, options);
      // Membership is asked at submission: the trigger lives for three seconds only.
      await api.openView(click.triggerId, denyModal(click, signingSecret, clock()));
    },
    async () => '',
  );
}

/** The modal was submitted: everything is judged again. Never rejects. */
export async function deny(submission: DenySubmission, options: HandlerOptions): Promise<PlacedEnding> {
  const reason = submission.reason.trim();
  let conversation: string | null = null;
  const ending = await attempt(
    async () => {
      if (reason === '')
        throw new Refusal('reason_missing', 'Please say why, so that the agent and the record know.', 'reason');
      if (reason.length > REASON_CHARS)
        throw new Refusal('field_invalid', `Please use at most ${String(REASON_CHARS)} characters.`, 'reason');
      const seal = denialSeal(options.signingSecret);
      const context = seal.open(submission.privateMetadata, submission.user, options.clock());
      ({ conversation } = context);
      return { context, person: await authorise({ ...context, user: submission.user }, options) };
    },
    async ({ context: { actionId, actionDigest }, person }) =>
      wordsFor(
        await options.decisions.decide({
          actionId,
          actionDigest,
          decision: 'deny',
          reason,
          person,
          // Submitted again with another reason, after a fault, it is another event.
          via: viaOf(submission.user, `${submission.viewId}/${sha256Hex(reason).slice(0, 16)}`),
        }),
      ),
  );
  return { ...ending, conversation };
}

/** Who it is, that the message is ours, and that they are an active member now. */
export async function authorise(origin: Origin, options: HandlerOptions): Promise<Person> {
  await personOf(origin.user, options);
  await checkOurs(origin, options);
  return memberOf(origin.user, options);
}

/** The message must be one that we posted about this very action. */
export async function checkOurs(
  { actionId, conversation, messageTs }: Origin,
  { store }: Pick<HandlerOptions, 'store'>,
): Promise<void> {
  const ours = (await store.shown(SLACK_CHANNEL_NAME, actionId, MESSAGE_SLOT)).filter(({ ts }) => ts !== null);
  if (ours.length === 0) {
    const message = 'Countersign has not yet noted where the message about this action is. Press again in a moment.';
    throw new Refusal('forbidden', message, 'message');
  }
  if (!ours.some((message) => message.conversation === conversation && message.ts === messageTs)) {
    throw new Refusal(
      'forbidden',
      'This is not the message that Countersign keeps for this action. Use the newest one, or the full view.',
      'message',
    );
  }
}

export function viaOf({ teamId, userId }: SlackUser, eventId: string) {
  return { channel: SLACK_CHANNEL_NAME, subject: `${teamId}/${userId}`, eventId };
}
