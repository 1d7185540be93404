import { createBotToken } from '../src/channels/teams/bot-token.js';
import type { TransportOptions } from '../src/channels/teams/transport.js';
import type { TeamsSettings } from '../src/config/teams.js';

/** What the way to Teams is made of, for the processes that post and the one that receives. */
export function teamsTransport(settings: TeamsSettings, clock: () => number): TransportOptions {
  const { appId, password, tokenUrl, tokenScope: scope, serviceUrls, issuer, openIdUrl: metadataUrl } = settings;
  return {
    appId,
    botToken: createBotToken({ appId, password, tokenUrl, scope, clock }),
    serviceUrls,
    issuer,
    metadataUrl,
  };
}
