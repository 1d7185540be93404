import { Refusal, ServiceFault } from '../../core/errors.js';
import type { Secret } from '../../core/secret.js';
import type { Directory, Person } from '../../directory/directory.js';
import type { DecisionAnswer } from '../../contracts/workflow.js';
import type { Decisions } from '../decisions.js';
import { denyModal, openModalContext } from './deny-modal.js';
import { checkMember, personOf } from './identity.js';
import { REASON_CHARS, type ButtonClick, type DenySubmission, type SlackUser } from './interaction.js';
import type { MessageStore } from './message-store.js';
import type { SlackApi } from './slack-api.js';
import { MESSAGE_SLOT, SLACK_CHANNEL_NAME } from './slack-channel.js';

export interface HandlerOptions {
  api: SlackApi;
  decisions: Decisions;
  directory: () => Directory;
  store: Pick<MessageStore, 'posted'>;
  /** Also seals modals, under a key derived from it. */
  signingSecret: Secret;
  clock: () => number;
}

/** How an attempt ended, in words for the person who made it. */
export interface Ending {
  ok: boolean;
  words: string;
  /** A refusal made here; those of `Decisions` are already on record. */
  refusal: Refusal | null;
  /** What went wrong without being a refusal. */
  fault: unknown;
}

/** A denial's ending, and where its message is, if the modal was ours. */
export interface DenialEnding extends Ending {
  conversation: string | null;
}

/** Where an attempt came from. */
interface Origin {
  user: SlackUser;
  actionId: string;
  conversation: string;
  messageTs: string;
}

/** Approve was clicked. Never rejects. */
export function approve(click: ButtonClick, options: HandlerOptions): Promise<Ending> {
  return attempt(
    () => authorise(click, options),
    (person) =>
      options.decisions.decide({
        actionId: click.actionId,
        actionDigest: click.actionDigest,
        decision: 'approve',
        reason: '',
        person,
        via: viaOf(click.user, `${click.conversation}/${click.messageTs}/${click.clickTs}`),
      }),
  );
}

/** Deny was clicked: asks for the reason. Never rejects; the ending of a modal that opened has no words. */
export async function openDenial(click: ButtonClick, options: HandlerOptions): Promise<Ending> {
  const { api, directory, signingSecret, clock } = options;
  return attempt(
    async () => {
      personOf(click.user, directory());
      await checkOurs(click, options);
      // Membership is asked at submission: the trigger lives for three seconds only.
      await api.openView(click.triggerId, denyModal(click, signingSecret, clock()));
    },
    async () => null,
  );
}

/** The modal was submitted: everything is judged again. Never rejects. */
export async function deny(submission: DenySubmission, options: HandlerOptions): Promise<DenialEnding> {
  const reason = submission.reason.trim();
  let conversation: string | null = null;
  const ending = await attempt(
    async () => {
      if (reason === '')
        throw new Refusal('reason_missing', 'Please say why, so that the agent and the record know.', 'reason');
      if (reason.length > REASON_CHARS)
        throw new Refusal('field_invalid', `Please use at most ${String(REASON_CHARS)} characters.`, 'reason');
      const context = openModalContext(
        submission.privateMetadata,
        submission.user,
        options.signingSecret,
        options.clock(),
      );
      ({ conversation } = context);
      return { context, person: await authorise({ ...context, user: submission.user }, options) };
    },
    ({ context: { actionId, actionDigest }, person }) =>
      options.decisions.decide({
        actionId,
        actionDigest,
        decision: 'deny',
        reason,
        person,
        via: viaOf(submission.user, submission.viewId),
      }),
  );
  return { ...ending, conversation };
}

async function authorise(origin: Origin, options: HandlerOptions): Promise<Person> {
  const person = personOf(origin.user, options.directory());
  await checkOurs(origin, options);
  await checkMember(origin.user, options.api);
  return person;
}

/** The message must be the one that we posted about this very action. */
async function checkOurs({ actionId, conversation, messageTs }: Origin, { store }: HandlerOptions): Promise<void> {
  const posted = await store.posted({ channelName: SLACK_CHANNEL_NAME, actionId, slot: MESSAGE_SLOT });
  if (posted === undefined) {
    const message = 'Countersign has not yet noted where the message about this action is. Press again in a moment.';
    throw new Refusal('forbidden', message, 'message');
  }
  if (posted.conversation !== conversation || posted.ts !== messageTs) {
    throw new Refusal(
      'forbidden',
      'This is not the message that Countersign keeps for this action. Use the newest one, or the full view.',
      'message',
    );
  }
}

function viaOf({ teamId, userId }: SlackUser, eventId: string) {
  return { channel: SLACK_CHANNEL_NAME, subject: `${teamId}/${userId}`, eventId };
}

async function attempt<T>(
  check: () => Promise<T>,
  decide: (checked: T) => Promise<DecisionAnswer | null>,
): Promise<Ending> {
  let checked: T;
  try {
    checked = await check();
  } catch (error) {
    return failed(error, error instanceof Refusal ? error : null);
  }
  try {
    const answer = await decide(checked);
    return { ok: true, words: answer === null ? '' : wordsFor(answer), refusal: null, fault: null };
  } catch (error) {
    return failed(error, null);
  }
}

function failed(error: unknown, refusal: Refusal | null): Ending {
  if (error instanceof Refusal) return { ok: false, words: `Not counted: ${error.message}`, refusal, fault: null };
  const words =
    error instanceof ServiceFault
      ? 'It is not certain that your decision counts: a service that Countersign needs did not answer. Please try again in a moment; trying twice does no harm.'
      : 'Something went wrong here. Look at the message to see whether your decision counts, and try again if it does not.';
  return { ok: false, words, refusal: null, fault: error };
}

function wordsFor({ state, open }: DecisionAnswer): string {
  switch (state) {
    case 'waiting':
      return `Your approval counts. Still needed: ${open.map(({ group, places }) => `${String(places)} of ${group}`).join(' and ')}.`;
    case 'filled':
      return 'Your approval counts, and it was the last one needed. The action is checked once more and then runs.';
    case 'denied':
      return 'Denied. The action will not run; the agent is told your reason.';
  }
}
