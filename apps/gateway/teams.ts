import type { FastifyInstance } from 'fastify';
import type { Decisions } from '../../src/channels/decisions.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import type { Refusals } from '../../src/channels/refusals.js';
import { createConversationStore } from '../../src/channels/teams/conversation-store.js';
import { createTeamsGate } from '../../src/channels/teams/gate.js';
import { teamsMessages } from '../../src/channels/teams/messages.js';
import { createConnectorKeys } from '../../src/channels/teams/openid-keys.js';
import { openTeamsApi, openTeamsReceiver } from '../../src/channels/teams/transport.js';
import { teamsSettings, type TeamsConfig } from '../../src/config/teams.js';
import { viewAction } from '../../src/record/action-view.js';
import { readLogText } from '../../src/record/log-text.js';
import type { Runtime } from '../runtime.js';
import { teamsTransport } from '../teams-transport.js';

interface TeamsParts {
  runtime: Runtime;
  decisions: Decisions;
  refusals: Refusals;
}

/**
 * Takes clicks in Teams, when Teams is on.
 * @throws Error naming the settings that are missing although it is on.
 */
export async function mountTeams(app: FastifyInstance, config: TeamsConfig, parts: TeamsParts): Promise<void> {
  const settings = teamsSettings(config);
  if (settings === null) return;
  const { policy, pool, record, contents, clock } = parts.runtime;
  const { appId, issuer, tenantIds, serviceUrls, openIdUrl: metadataUrl, publicUrl } = settings;
  const transport = teamsTransport(settings, clock);
  await app.register(teamsMessages, {
    gate: createTeamsGate({
      appId,
      issuer,
      tenantIds,
      serviceUrls,
      keys: createConnectorKeys({ metadataUrl, issuer, clock }),
      clock,
    }),
    receiver: await openTeamsReceiver(transport),
    api: await openTeamsApi(transport),
    store: createMessageStore(pool),
    places: createConversationStore(pool),
    viewOf: async (actionId) => viewAction(await record.ofAction(actionId)),
    readLog: (view) => readLogText(view, contents),
    directory: () => policy().directory,
    decisions: parts.decisions,
    refusals: parts.refusals,
    publicUrl,
    clock,
  });
}
