import type { FastifyBaseLogger, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal, type RefusalCode } from '../../core/errors.js';
import { sha256Hex } from '../../core/json.js';
import type { Refusals } from '../refusals.js';
import { richText, section, text } from './blocks.js';
import { escapeMrkdwn } from './escape.js';
import { GUARD_LIMITS, type GuardFault, type SlackGuard } from './guard.js';
import { approve, deny, openDenial, type Ending, type HandlerOptions } from './handlers.js';
import { SLACK_NAMES, type ButtonClick, type DenySubmission, type SlackUser } from './interaction.js';

export interface SlackInteractionsOptions extends HandlerOptions {
  guard: SlackGuard;
  /** Where refusals made here go; those of `Decisions` go there by themselves. */
  refusals: Refusals;
}

/** Where Slack sends clicks and submitted modals. */
export const SLACK_INTERACTIONS_PATH = '/slack/interactions';

/** Slack waits three seconds for the answer to a submitted modal; one is left to the network. */
const MODAL_ANSWER_MS = 2_000;

/** What the sender and the record are told of a guard's fault. */
const FAULTS: Readonly<Record<GuardFault, { status: number; code: RefusalCode; words: string }>> = {
  body_too_large: { status: 413, code: 'body_too_large', words: 'the body is larger than 64 KiB' },
  header_missing: { status: 401, code: 'unauthenticated', words: 'the signature or its timestamp is missing' },
  header_repeated: { status: 401, code: 'unauthenticated', words: 'a header that must be there once is repeated' },
  timestamp_malformed: {
    status: 401,
    code: 'unauthenticated',
    words: 'the timestamp is not a whole number of seconds',
  },
  timestamp_out_of_range: {
    status: 401,
    code: 'unauthenticated',
    words: 'the timestamp is more than five minutes from now',
  },
  signature_malformed: {
    status: 401,
    code: 'signature_invalid',
    words: 'the signature is not of the form v0=<64 hex digits>',
  },
  signature_invalid: { status: 401, code: 'signature_invalid', words: 'the signature does not fit the body' },
  replayed: { status: 401, code: 'signature_invalid', words: 'this very request was received before' },
  too_many_requests: {
    status: 429,
    code: 'quota_exceeded',
    words: 'more requests than can be remembered against replay',
  },
  content_type_unsupported: {
    status: 415,
    code: 'body_malformed',
    words: 'the content type is not application/x-www-form-urlencoded',
  },
  body_not_utf8: { status: 400, code: 'body_not_utf8', words: 'the body is not UTF-8' },
  payload_missing: { status: 400, code: 'body_malformed', words: 'there is no payload' },
  payload_repeated: { status: 400, code: 'body_malformed', words: 'there is more than one payload' },
  payload_malformed: {
    status: 400,
    code: 'body_malformed',
    words: 'the payload does not have the shape of a Slack interaction',
  },
  team_not_allowed: { status: 403, code: 'forbidden', words: 'it is about another workspace than the configured one' },
  app_not_allowed: { status: 403, code: 'forbidden', words: 'it is about another app than the configured one' },
};

/** The gateway's endpoint for Slack. Register it without `fastify-plugin`: its body parsing must stay its own. */
export const slackInteractions: FastifyPluginAsync<SlackInteractionsOptions> = async (app, options) => {
  const background = createBackground(app.log);
  // What was acknowledged is finished before the process goes.
  app.addHook('onClose', () => background.idle());

  const turnAway = async (
    fault: GuardFault,
    sentDigest: string | null,
    request: FastifyRequest,
    reply: FastifyReply,
  ) => {
    const { status, code, words } = FAULTS[fault];
    const refusal = new Refusal(code, `A request in the name of Slack was turned away: ${words}.`);
    await options.refusals.put(refusal, { action: null, who: null, sentDigest, source: request.ip });
    return reply.code(status).send({ error: fault });
  };

  app.removeAllContentTypeParsers();
  // The signature is over the bytes, so they are kept as they came, whatever they claim to be.
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: GUARD_LIMITS.bodyBytes }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler(async (error: { statusCode?: number }, request, reply) => {
    if (error.statusCode === 413) return turnAway('body_too_large', null, request, reply);
    request.log.error({ err: error }, 'slack interaction failed');
    return reply.code(error.statusCode ?? 500).send({ error: 'failed' });
  });

  app.post(SLACK_INTERACTIONS_PATH, async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    const sentDigest = sha256Hex(body);
    const admission = options.guard.admit({ rawHeaders: request.raw.rawHeaders, body });
    if (!admission.ok) return turnAway(admission.fault, sentDigest, request, reply);
    const { interaction } = admission;
    switch (interaction.kind) {
      case 'ignored':
        return reply.code(200).send();
      case 'approve':
      case 'deny':
        background.run(answerClick(interaction, { options, sentDigest, log: request.log }));
        return reply.code(200).send();
      case 'deny_submitted':
        return reply
          .code(200)
          .send(await answerDenial(interaction, { options, sentDigest, log: request.log }, background));
    }
  });
};

interface Handling {
  options: SlackInteractionsOptions;
  sentDigest: string;
  log: FastifyBaseLogger;
}

async function answerClick(click: ButtonClick, handling: Handling): Promise<void> {
  const { options } = handling;
  const ending = await (click.kind === 'approve' ? approve(click, options) : openDenial(click, options));
  await report(ending, click.user, handling);
  await tell(ending, click.conversation, click.user, handling);
}

/** The body that Slack expects: close the modal, or show what is wrong in it. */
async function answerDenial(submission: DenySubmission, handling: Handling, background: Background): Promise<object> {
  const ending = deny(submission, handling.options).then(async (ended) => {
    await report(ended, submission.user, handling);
    return ended;
  });
  const early = await within(ending, MODAL_ANSWER_MS);
  if (early !== undefined && !early.ok) {
    return { response_action: 'errors', errors: { [SLACK_NAMES.reasonBlock]: early.words } };
  }
  background.run(ending.then((ended) => tell(ended, ended.conversation, submission.user, handling)));
  return { response_action: 'clear' };
}

async function report(
  { refusal, fault }: Ending,
  user: SlackUser,
  { options, sentDigest, log }: Handling,
): Promise<void> {
  if (fault !== null) log.error({ err: fault }, 'slack interaction not carried out');
  if (refusal === null) return;
  const who = `slack/${user.teamId}/${user.userId}`;
  await options.refusals.put(refusal, { action: null, who, sentDigest, source: who });
}

/** Tells the person, and nobody else, what came of it. */
async function tell(
  { words }: Ending,
  conversation: string | null,
  { userId }: SlackUser,
  { options, log }: Handling,
): Promise<void> {
  if (words === '' || conversation === null) return;
  try {
    await options.api.tell(conversation, userId, escapeMrkdwn(words), [richText(section(...text(words)))]);
  } catch (error) {
    // The decision stands or not without it, and the message shows which.
    log.warn({ err: error }, 'slack did not take an answer');
  }
}

interface Background {
  run(work: Promise<void>): void;
  idle(): Promise<void>;
}

function createBackground(log: FastifyBaseLogger): Background {
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
