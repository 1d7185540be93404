import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { sha256Hex } from '../../core/json.js';
import type { Entrance } from './entrance.js';
import { GUARD_LIMITS, type Admission, type GuardFault, type RawRequest, type SlackGuard } from './guard.js';

export interface SlackInteractionsOptions {
  guard: SlackGuard;
  entrance: Entrance;
}

/** Where Slack sends clicks and submitted modals. */
export const SLACK_INTERACTIONS_PATH = '/slack/interactions';
/** Where Slack sends slash commands. */
const SLACK_COMMANDS_PATH = '/slack/commands';

/** The gateway's endpoints for Slack. Register it without `fastify-plugin`: its body parsing must stay its own. */
export const slackInteractions: FastifyPluginAsync<SlackInteractionsOptions> = async (app, { guard, entrance }) => {
  // What was acknowledged is finished before the process goes.
  app.addHook('onClose', () => entrance.idle());

  const turnAway = async (
    fault: GuardFault,
    digest: string | null,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> => {
    const { status } = await entrance.turnAway(fault, { digest, source: request.ip });
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

  const take = (path: string, admit: (request: RawRequest) => Admission): void => {
    app.post(path, async (request, reply) => {
      const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
      const digest = sha256Hex(body);
      const admission = admit({ rawHeaders: request.raw.rawHeaders, body });
      if (!admission.ok) return turnAway(admission.fault, digest, request, reply);
      return reply.code(200).send(await entrance.enter(admission.interaction, { digest, source: request.ip }));
    });
  };
  take(SLACK_INTERACTIONS_PATH, (request) => guard.admit(request));
  take(SLACK_COMMANDS_PATH, (request) => guard.admitCommand(request));
};
