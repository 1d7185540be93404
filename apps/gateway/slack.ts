import type { FastifyInstance } from 'fastify';
import type { Decisions } from '../../src/channels/decisions.js';
import type { Refusals } from '../../src/channels/refusals.js';
import { createSlackGuard } from '../../src/channels/slack/guard.js';
import { slackInteractions } from '../../src/channels/slack/interactions.js';
import { createMessageStore } from '../../src/channels/slack/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { slackGatewaySettings, type SlackGatewayConfig } from '../../src/config/slack.js';
import type { Runtime } from '../runtime.js';

interface SlackParts {
  runtime: Runtime;
  decisions: Decisions;
  refusals: Refusals;
}

/**
 * Takes Slack's clicks, when Slack is on.
 * @throws Error naming the settings that are missing although it is on.
 */
export async function mountSlack(app: FastifyInstance, config: SlackGatewayConfig, parts: SlackParts): Promise<void> {
  const settings = slackGatewaySettings(config);
  if (settings === null) return;
  const { policy, pool, clock } = parts.runtime;
  const { botToken, apiUrl, signingSecret, teamId, appId } = settings;
  await app.register(slackInteractions, {
    guard: createSlackGuard({ signingSecret, teamId, appId, clock }),
    api: createSlackApi({ botToken, apiUrl }),
    store: createMessageStore(pool),
    directory: () => policy().directory,
    decisions: parts.decisions,
    refusals: parts.refusals,
    signingSecret,
    clock,
  });
}
