import type { Log } from '../log.js';
import type { Refusals } from '../refusals.js';
import { richText, section, text } from '../message/rich-text.js';
import type { Ending } from '../attempt.js';
import { escapeMrkdwn } from './escape.js';
import type { GuardFault } from './guard.js';
import { refusalOf } from './guard-faults.js';
import { approve, deny, openDenial } from './handlers.js';
import {
  SLACK_NAMES,
  type ButtonClick,
  type Command,
  type DenySubmission,
  type Interaction,
  type PageClick,
  type SlackUser,
} from './interaction.js';
import { onPageClick, openPages, type ReadingOptions } from './reading.js';
import { answerCommand, inWords, type WaitingListOptions } from './waiting-list.js';

export interface EntranceOptions extends ReadingOptions {
  waitingFor: WaitingListOptions['waitingFor'];
  /** Where refusals made here go; those of `Decisions` go there by themselves. */
  refusals: Refusals;
  log: Log;
}

/** What is known of how an interaction came. */
export interface Sent {
  /** SHA-256 of what was sent; null when it was not read. */
  digest: string | null;
  /** Whom the limit of refusals counts when nobody is proven. */
  source: string;
}

/** The one way in for what Slack hands over, whether it came by HTTP or by Socket Mode. */
export interface Entrance {
  /**
   * Takes an admitted interaction, and answers within Slack's three seconds; what takes longer goes on behind.
   * @returns the body that Slack expects, if it expects one. Never rejects.
   */
  enter(interaction: Interaction, sent: Sent): Promise<object | undefined>;
  /** Puts on record what the guard did not admit. */
  turnAway(fault: GuardFault, sent: Sent): Promise<{ status: number }>;
  /** Resolves when all that was acknowledged is finished. */
  idle(): Promise<void>;
}

/** Slack waits three seconds for the answer to a submitted modal or a command; one is left to the network. */
const ANSWER_MS = 2_000;

export function createEntrance(options: EntranceOptions): Entrance {
  const background = createBackground(options.log);
  return {
    async enter(interaction, sent) {
      const handling = { options, sent, background };
      switch (interaction.kind) {
        case 'ignored':
          return undefined;
        case 'approve':
        case 'deny':
        case 'read':
          background.run(onClick(interaction, handling));
          return undefined;
        case 'page':
          background.run(onPage(interaction, handling));
          return undefined;
        case 'deny_submitted':
          return onDenial(interaction, handling);
        case 'command':
          return onCommand(interaction, handling);
      }
    },
    async turnAway(fault, { digest, source }) {
      const { refusal, status } = refusalOf(fault);
      await options.refusals.put(refusal, { action: null, who: null, sentDigest: digest, source });
      return { status };
    },
    idle: () => background.idle(),
  };
}

interface Handling {
  options: EntranceOptions;
  sent: Sent;
  background: Background;
}

async function onClick(click: ButtonClick, handling: Handling): Promise<void> {
  const { options } = handling;
  const handle = { approve, deny: openDenial, read: openPages }[click.kind];
  const ending = await handle(click, options);
  await report(ending, click.user, handling);
  await tell(ending, click.conversation, click.user, handling);
}

async function onPage(click: PageClick, handling: Handling): Promise<void> {
  const ending = await onPageClick(click, handling.options);
  await report(ending, click.user, handling);
  await tell(ending, ending.conversation, click.user, handling);
}

/** The body that Slack expects: close the modal, or show what is wrong in it. */
async function onDenial(submission: DenySubmission, handling: Handling): Promise<object> {
  const ending = deny(submission, handling.options).then(async (ended) => {
    await report(ended, submission.user, handling);
    return ended;
  });
  const early = await within(ending, ANSWER_MS);
  if (early !== undefined && !early.ok) {
    return { response_action: 'errors', errors: { [SLACK_NAMES.reasonBlock]: early.words } };
  }
  handling.background.run(ending.then((ended) => tell(ended, ended.conversation, submission.user, handling)));
  return { response_action: 'clear' };
}

async function onCommand(command: Command, handling: Handling): Promise<object> {
  const answered = answerCommand(command, handling.options).then(async ({ ending, answer }) => {
    await report(ending, command.user, handling);
    return answer;
  });
  const early = await within(answered, ANSWER_MS);
  if (early !== undefined) return early;
  handling.background.run(answered.then(() => undefined));
  return inWords(`That takes too long just now. Try again, or look at ${handling.options.publicUrl}`);
}

async function report({ refusal, fault }: Ending, user: SlackUser, { options, sent }: Handling): Promise<void> {
  if (fault !== null) options.log.error({ err: fault }, 'slack interaction not carried out');
  if (refusal === null) return;
  const who = `slack/${user.teamId}/${user.userId}`;
  await options.refusals.put(refusal, { action: null, who, sentDigest: sent.digest, source: who });
}

/** Tells the person, and nobody else, what came of it. */
async function tell(
  { words }: Ending,
  conversation: string | null,
  { userId }: SlackUser,
  { options }: Handling,
): Promise<void> {
  if (words === '' || conversation === null) return;
  try {
    await options.api.tell(conversation, userId, escapeMrkdwn(words), [richText(section(...text(words)))]);
  } catch (error) {
    // The decision stands or not without it, and the message shows which.
    options.log.warn({ err: error }, 'slack did not take an answer');
  }
}

interface Background {
  run(work: Promise<void>): void;
  idle(): Promise<void>;
}

function createBackground(log: Log): Background {
  const running = new Set<Promise<void>>();
  return {
    run(work) {
      const kept = work
        .catch((error: unknown) => {
          log.error({ err: error }, 'slack interaction failed');
        })
        .finally(() => running.delete(kept));
      running.add(kept);
    },
    async idle() {
      await Promise.all(running);
    },
  };
}

/** Undefined when it takes longer. */
async function within<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, limitMs, undefined);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
