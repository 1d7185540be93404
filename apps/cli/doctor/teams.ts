import { createBotToken } from '../../../src/channels/teams/bot-token.js';
import { createConnectorKeys } from '../../../src/channels/teams/openid-keys.js';
import { parseConfig } from '../../../src/config/common.js';
import { teamsConfigSchema, teamsSettings, type TeamsSettings } from '../../../src/config/teams.js';
import { failed, ok, type Finding } from './finding.js';

/** The settings of Teams are whole, the Bot Connector's keys can be read, and the app's password is taken. Nothing is posted.
 * @returns nothing where Teams is off. */
export async function checkTeams(environment: Readonly<Record<string, string | undefined>>): Promise<Finding[]> {
  let settings: TeamsSettings | null;
  try {
    settings = teamsSettings(parseConfig(teamsConfigSchema, environment));
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [failed('Teams', found, 'Mend the settings: docs/channels/teams.md says what each of them is.')];
  }
  if (settings === null) return [];
  const { appId, password, tokenUrl, tokenScope: scope, issuer, openIdUrl: metadataUrl } = settings;
  const clock = Date.now;
  return Promise.all([
    check('Teams: keys', 'the keys of the Bot Connector can be read', 'COUNTERSIGN_TEAMS_OPENID_URL', () =>
      createConnectorKeys({ metadataUrl, issuer, clock }).find(''),
    ),
    check('Teams: sign-in', 'the app gets a token of its own', 'COUNTERSIGN_TEAMS_TOKEN_URL and the app password', () =>
      createBotToken({ appId, password, tokenUrl, scope, clock })(),
    ),
  ]);
}

async function check(what: string, found: string, setting: string, ask: () => Promise<unknown>): Promise<Finding> {
  try {
    await ask();
    return ok(what, found);
  } catch (error) {
    return failed(what, error instanceof Error ? error.message : String(error), `Look at ${setting}.`);
  }
}
