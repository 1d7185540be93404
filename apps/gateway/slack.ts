import type { FastifyInstance } from 'fastify';
import type { Decisions } from '../../src/channels/decisions.js';
import type { Refusals } from '../../src/channels/refusals.js';
import { createSlackGuard } from '../../src/channels/slack/guard.js';
import { slackInteractions } from '../../src/channels/slack/interactions.js';
import { createMessageStore } from '../../src/channels/slack/message-store.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import type { GatewayConfig } from '../../src/config/gateway.js';
import { slackSettings } from '../../src/config/slack.js';
import { Secret } from '../../src/core/secret.js';
import type { Policy } from '../../src/policy/policy.js';
import { createRecordPool } from '../../src/record/postgres/pool.js';

interface SlackParts {
  policy: () => Policy;
  decisions: Decisions;
  refusals: Refusals;
  clock: () => number;
}

/** Only looks up where messages are; the record has a pool of its own. */
const MESSAGE_CONNECTIONS = 2;

/**
 * Takes Slack's clicks, when Slack is on.
 * @throws Error when it is on and the signing secret is missing.
 */
export async function mountSlack(app: FastifyInstance, config: GatewayConfig, parts: SlackParts): Promise<void> {
  const settings = slackSettings(config);
  if (settings === null) return;
  const secret = config.COUNTERSIGN_SLACK_SIGNING_SECRET;
  if (secret === undefined) throw new Error('Slack is on; also set COUNTERSIGN_SLACK_SIGNING_SECRET for the gateway.');
  const { policy, decisions, refusals, clock } = parts;
  const signingSecret = new Secret(secret);
  const { botToken, teamId, appId, apiUrl } = settings;
  const pool = createRecordPool({
    url: new Secret(config.COUNTERSIGN_RECORD_URL),
    maxConnections: MESSAGE_CONNECTIONS,
  });
  app.addHook('onClose', () => pool.end());
  await app.register(slackInteractions, {
    guard: createSlackGuard({ signingSecret, teamId, appId, clock }),
    api: createSlackApi({ botToken: new Secret(botToken), appId, apiUrl }),
    store: createMessageStore(pool),
    directory: () => policy().directory,
    decisions,
    refusals,
    signingSecret,
    clock,
  });
}
