import type { FastifyInstance } from 'fastify';
import type { Decisions } from '../../src/channels/decisions.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import type { Refusals } from '../../src/channels/refusals.js';
import { createEntrance } from '../../src/channels/slack/entrance.js';
import { createSlackGuard } from '../../src/channels/slack/guard.js';
import { slackInteractions } from '../../src/channels/slack/interactions.js';
import { createSlackApi } from '../../src/channels/slack/slack-api.js';
import { startSocketMode } from '../../src/channels/slack/socket-mode.js';
import { waitingFor } from '../../src/channels/waiting.js';
import { slackGatewaySettings, type SlackGatewayConfig } from '../../src/config/slack.js';
import { viewAction } from '../../src/record/action-view.js';
import { readLogText } from '../../src/record/log-text.js';
import type { Runtime } from '../runtime.js';

interface SlackParts {
  runtime: Runtime;
  decisions: Decisions;
  refusals: Refusals;
}

/**
 * Takes Slack's clicks and commands, when Slack is on: by HTTP, and over Socket Mode when there is an app token.
 * @throws Error naming the settings that are missing although it is on.
 */
export async function mountSlack(app: FastifyInstance, config: SlackGatewayConfig, parts: SlackParts): Promise<void> {
  const settings = slackGatewaySettings(config);
  if (settings === null) return;
  const { policy, pool, record, contents, clock, logger } = parts.runtime;
  const { botToken, apiUrl, signingSecret, teamId, appId, appToken, emailDomains, publicUrl } = settings;
  const directory = () => policy().directory;
  const entrance = createEntrance({
    api: createSlackApi({ botToken, apiUrl }),
    store: createMessageStore(pool),
    directory,
    emailDomains,
    decisions: parts.decisions,
    refusals: parts.refusals,
    readAction: async (actionId) => {
      const view = viewAction(await record.ofAction(actionId));
      return view === undefined ? undefined : { view, log: await readLogText(view, contents) };
    },
    waitingFor: (person) => waitingFor(person, { record, policy, clock }),
    signingSecret,
    publicUrl,
    clock,
    log: logger,
  });
  const guard = createSlackGuard({ signingSecret, teamId, appId, clock });
  await app.register(slackInteractions, { guard, entrance });
  if (appToken === null) return;
  const socket = startSocketMode({ appToken, apiUrl, teamId, appId, entrance, clock, log: logger });
  app.addHook('onClose', () => socket.stop());
}
