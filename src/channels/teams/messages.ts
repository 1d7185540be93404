import type { FastifyBaseLogger, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Refusal, ServiceFault, type RefusalCode } from '../../core/errors.js';
import { sha256Hex } from '../../core/json.js';
import type { Ending } from '../attempt.js';
import type { Refusals } from '../refusals.js';
import type { CardClick, CardLook, TeamsUser } from './activity.js';
import { createAnswers } from './answers.js';
import type { ConversationStore } from './conversation-store.js';
import { GATE_LIMITS, type GateFault, type TeamsGate } from './gate.js';
import { decide, type HandlerOptions } from './handlers.js';
import { createLooks, type Looks } from './looks.js';
import { renderAction } from './render.js';
import type { ClickAnswer, ReceivedAnswer, TeamsReceiver } from './teams-api.js';

export interface TeamsMessagesOptions extends HandlerOptions {
  gate: TeamsGate;
  receiver: TeamsReceiver;
  places: Pick<ConversationStore, 'note'>;
  /** Where refusals made here go; those of `Decisions` go there by themselves. */
  refusals: Refusals;
  clock: () => number;
}

/** Where Teams sends clicks. */
const TEAMS_MESSAGES_PATH = '/teams/messages';

/** Teams waits five seconds for the answer to a click; one is left to the network. */
const ANSWER_MS = 4_000;

/** What the sender and the record are told of a gate's fault. */
const FAULTS: Readonly<Record<GateFault, { status: number; code: RefusalCode; words: string }>> = {
  body_too_large: { status: 413, code: 'body_too_large', words: 'the body is larger than 64 KiB' },
  header_missing: { status: 401, code: 'unauthenticated', words: 'there is no token' },
  header_repeated: { status: 401, code: 'unauthenticated', words: 'a header that must be there once is repeated' },
  token_malformed: { status: 401, code: 'unauthenticated', words: 'the token is no signed JWT of the Bot Connector' },
  key_unknown: { status: 401, code: 'key_unknown', words: 'the token is signed by no key of the Bot Connector' },
  signature_invalid: { status: 401, code: 'signature_invalid', words: 'the signature of the token does not hold' },
  token_expired: { status: 401, code: 'unauthenticated', words: 'the token has expired, or is of the future' },
  issuer_not_allowed: { status: 401, code: 'unauthenticated', words: 'the token is of another issuer' },
  audience_not_ours: { status: 401, code: 'unauthenticated', words: 'the token is for another app' },
  endorsement_missing: { status: 401, code: 'key_unknown', words: 'the key of the token does not speak for Teams' },
  service_url_mismatch: {
    status: 401,
    code: 'unauthenticated',
    words: 'the token is for another service URL than the activity names',
  },
  service_url_not_allowed: { status: 403, code: 'forbidden', words: 'its service URL is not on the list' },
  content_type_unsupported: { status: 415, code: 'body_malformed', words: 'the content type is not application/json' },
  body_not_utf8: { status: 400, code: 'body_not_utf8', words: 'the body is not UTF-8' },
  activity_malformed: { status: 400, code: 'body_malformed', words: 'the body does not have the shape of an activity' },
  channel_not_allowed: { status: 403, code: 'forbidden', words: 'it is of another channel than Teams' },
  tenant_not_allowed: { status: 403, code: 'forbidden', words: 'it is of a tenant that is not on the list' },
  sender_unproven: { status: 403, code: 'person_unknown', words: 'it names no Entra account of who sent it' },
  invoke_unsupported: { status: 501, code: 'body_malformed', words: 'the invoke has a name that is not known here' },
  submit_unsupported: { status: 400, code: 'body_malformed', words: 'it is no Action.Execute of our cards' },
  verb_unknown: { status: 400, code: 'body_malformed', words: 'its verb is not known' },
};

/** The gateway's endpoint for Teams. Register it without `fastify-plugin`: its body parsing must stay its own. */
export const teamsMessages: FastifyPluginAsync<TeamsMessagesOptions> = async (app, options) => {
  const answers = createAnswers<ReceivedAnswer>(options.clock);
  const looks = createLooks(options);
  const background = new Set<Promise<unknown>>();
  // What was begun is finished before the process goes.
  app.addHook('onClose', async () => {
    await Promise.all(background);
  });

  const turnAway = async (
    fault: GateFault,
    sentDigest: string | null,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> => {
    const { status, code, words } = FAULTS[fault];
    const refusal = new Refusal(code, `A request in the name of Teams was turned away: ${words}.`);
    await options.refusals.put(refusal, { action: null, who: null, sentDigest, source: request.ip });
    return reply.code(status).send({ error: fault });
  };

  app.removeAllContentTypeParsers();
  // The gate judges the bytes as they came, whatever they claim to be.
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: GATE_LIMITS.bodyBytes }, (_request, body, done) => {
    done(null, body);
  });
  app.setErrorHandler(async (error: { statusCode?: number }, request, reply) => {
    if (error.statusCode === 413) return turnAway('body_too_large', null, request, reply);
    request.log.error({ err: error }, 'a request of Teams failed');
    const status = error instanceof ServiceFault ? 503 : (error.statusCode ?? 500);
    return reply.code(status).send({ error: 'failed' });
  });

  app.post(TEAMS_MESSAGES_PATH, async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
    const sentDigest = sha256Hex(body);
    const admission = await options.gate.admit({ rawHeaders: request.raw.rawHeaders, body });
    if (!admission.ok) return turnAway(admission.fault, sentDigest, request, reply);
    const { event, json, authorization } = admission;
    switch (event.kind) {
      case 'ignored':
        return reply.code(200).send();
      case 'noted':
        await options.places.note(event.reference, options.clock());
        return reply.code(200).send();
      case 'look': {
        // Nothing is decided: the same look again is answered again, by the card as it then is.
        const handling = { options, sentDigest, log: request.log, background };
        const answer = (): Promise<ClickAnswer> => answerLook(event, looks, handling);
        const { status, body: sent } = await options.receiver.receive(json, authorization, answer);
        return reply.code(status).send(sent);
      }
      case 'approve':
      case 'deny': {
        const handling = { options, sentDigest, log: request.log, background };
        const answered = answers.once(`${event.place.conversation}/${event.eventId}`, sentDigest, () =>
          options.receiver.receive(json, authorization, () => answerClick(event, handling)),
        );
        if (answered === null) return turnAway('activity_malformed', sentDigest, request, reply);
        const { status, body: sent } = await answered;
        return reply.code(status).send(sent);
      }
    }
  });
};

interface Handling {
  options: TeamsMessagesOptions;
  sentDigest: string;
  log: FastifyBaseLogger;
  background: Set<Promise<unknown>>;
}

/** What whoever clicked, and nobody else, is shown: the card as it now is, with what came of the click above it. */
async function answerClick(click: CardClick, { options, sentDigest, log, background }: Handling): Promise<ClickAnswer> {
  const work = decide(click, options).then(async (ending) => {
    await report(ending, click, { options, sentDigest, log });
    return ending;
  });
  background.add(work);
  void work.finally(() => background.delete(work));
  const ending = await within(work, ANSWER_MS);
  if (ending === undefined) return 'This takes longer than usual. The card shows your decision as soon as it counts.';
  // A card shows an action to whoever sees it: only those who are proven get one.
  if (!ending.isProven) return ending.words;
  return (await freshCard(click, ending, options, log)) ?? ending.words;
}

/** What whoever looks, and nobody else, is shown. */
async function answerLook(
  look: CardLook,
  looks: Looks,
  { options, sentDigest, log, background }: Handling,
): Promise<ClickAnswer> {
  const failed = 'This card could not be brought up to date.';
  const work = looks.answer(look).catch(async (error: unknown) => {
    if (error instanceof Refusal) await noteRefusal(error, look.user, sentDigest, options);
    else log.error({ err: error }, 'a card in Teams could not be refreshed');
    return failed;
  });
  background.add(work);
  void work.finally(() => background.delete(work));
  return (await within(work, ANSWER_MS)) ?? failed;
}

async function freshCard(
  { actionId }: CardClick,
  { ok, words }: Ending,
  { viewOf, readLog, directory, publicUrl }: TeamsMessagesOptions,
  log: FastifyBaseLogger,
): Promise<ClickAnswer | undefined> {
  try {
    const view = await viewOf(actionId);
    if (view === undefined) return undefined;
    return renderAction(view, { directory: directory(), publicUrl, log: await readLog(view) }, { ok, words }).card;
  } catch (error) {
    // The decision stands or not without it.
    log.warn({ err: error }, 'a card could not be shown again');
    return undefined;
  }
}

async function report(
  { refusal, fault }: Ending,
  { user }: CardClick,
  { options, sentDigest, log }: Omit<Handling, 'background'>,
): Promise<void> {
  if (fault !== null) log.error({ err: fault }, 'a click in Teams was not carried out');
  if (refusal !== null) await noteRefusal(refusal, user, sentDigest, options);
}

async function noteRefusal(
  refusal: Refusal,
  { tenantId, aadObjectId }: TeamsUser,
  sentDigest: string,
  { refusals }: Pick<TeamsMessagesOptions, 'refusals'>,
): Promise<void> {
  const who = `teams/${tenantId}/${aadObjectId}`;
  await refusals.put(refusal, { action: null, who, sentDigest, source: who });
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
