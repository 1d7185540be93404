import { z } from 'zod';

const idSchema = (prefix: string, what: string) =>
  z
    .string()
    .regex(new RegExp(`^[${prefix}][A-Z0-9]{1,31}$`), `must be ${what}, e.g. ${prefix.slice(0, 1)}0123ABCDEF`)
    .optional();

/** Settings for posting to Slack: worker and notary. Without a bot token the channel is off. */
export const slackConfigSchema = z.object({
  COUNTERSIGN_SLACK_BOT_TOKEN: z
    .string()
    .startsWith('xoxb-')
    .optional()
    .describe('Bot token of the Slack app. Without it Slack is off.'),
  COUNTERSIGN_SLACK_TEAM_ID: idSchema('T', "the workspace's id").describe(
    'The only Slack workspace whose people count.',
  ),
  COUNTERSIGN_SLACK_APP_ID: idSchema('A', "the app's id").describe('Id of the Slack app.'),
  COUNTERSIGN_SLACK_CHANNEL: idSchema('CG', "a channel's id").describe('Id of the channel that actions are posted to.'),
  COUNTERSIGN_SLACK_FALLBACK_CHANNEL: idSchema('CG', "a channel's id").describe(
    'Id of the channel used when the first one is archived or gone.',
  ),
  COUNTERSIGN_SLACK_API_URL: z
    .url({ protocol: /^https?$/ })
    .default('https://slack.com/api/')
    .describe("Address of Slack's Web API."),
  COUNTERSIGN_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address at which people reach the gateway; links in messages begin with it.'),
});
export type SlackConfig = z.infer<typeof slackConfigSchema>;

/** Settings of the gateway, which besides answers clicks. */
export const slackGatewayConfigSchema = slackConfigSchema.extend({
  COUNTERSIGN_SLACK_SIGNING_SECRET: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be the 32 hex digits that Slack shows')
    .optional()
    .describe("The Slack app's signing secret. Only the gateway has it."),
});
export type SlackGatewayConfig = z.infer<typeof slackGatewayConfigSchema>;

/** Everything that posting needs, complete. */
export interface SlackSettings {
  botToken: string;
  teamId: string;
  appId: string;
  channel: string;
  fallbackChannel: string | null;
  apiUrl: string;
  /** Without a trailing slash. */
  publicUrl: string;
}

/**
 * What posting to Slack needs; null when Slack is off.
 * @throws Error naming the settings that are missing although there is a bot token.
 */
export function slackSettings(config: SlackConfig): SlackSettings | null {
  const {
    COUNTERSIGN_SLACK_BOT_TOKEN: botToken,
    COUNTERSIGN_SLACK_TEAM_ID: teamId,
    COUNTERSIGN_SLACK_APP_ID: appId,
    COUNTERSIGN_SLACK_CHANNEL: channel,
    COUNTERSIGN_PUBLIC_URL: publicUrl,
  } = config;
  if (botToken === undefined) return null;
  if (teamId === undefined || appId === undefined || channel === undefined || publicUrl === undefined) {
    const needed = {
      COUNTERSIGN_SLACK_TEAM_ID: teamId,
      COUNTERSIGN_SLACK_APP_ID: appId,
      COUNTERSIGN_SLACK_CHANNEL: channel,
      COUNTERSIGN_PUBLIC_URL: publicUrl,
    };
    const missing = Object.entries(needed)
      .filter(([, value]) => value === undefined)
      .map(([name]) => name);
    throw new Error(
      `Slack is on (COUNTERSIGN_SLACK_BOT_TOKEN is set) but not complete; also set ${missing.join(', ')}.`,
    );
  }
  return {
    botToken,
    teamId,
    appId,
    channel,
    fallbackChannel: config.COUNTERSIGN_SLACK_FALLBACK_CHANNEL ?? null,
    apiUrl: config.COUNTERSIGN_SLACK_API_URL.replace(/\/*$/, '/'),
    publicUrl: publicUrl.replace(/\/+$/, ''),
  };
}
