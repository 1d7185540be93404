import { z } from 'zod';
import { Secret } from '../core/secret.js';

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
  COUNTERSIGN_SLACK_CHANNEL: idSchema('CG', "a channel's id").describe('Id of the channel that actions are posted to.'),
  COUNTERSIGN_SLACK_FALLBACK_CHANNEL: idSchema('CG', "a channel's id").describe(
    'Id of the channel that is used when the first one is archived or gone.',
  ),
  COUNTERSIGN_SLACK_NOTICE_CHANNEL: idSchema('CG', "a channel's id").describe(
    'Id of the channel that is told of alarms and freezes. Default: the one that actions are posted to.',
  ),
  COUNTERSIGN_SLACK_API_URL: z
    .url({ protocol: /^https?$/ })
    .default('https://slack.com/api/')
    .describe("Address of Slack's Web API."),
  COUNTERSIGN_SLACK_DIGEST_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(900)
    .describe('A person is reminded in Slack once in this time at most, of all that waits for them.'),
  COUNTERSIGN_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address at which people reach the gateway; links in messages begin with it.'),
});
export type SlackConfig = z.infer<typeof slackConfigSchema>;

/** Settings of the gateway, which besides answers clicks. */
export const slackGatewayConfigSchema = slackConfigSchema.extend({
  COUNTERSIGN_SLACK_APP_ID: idSchema('A', "the app's id").describe('The only Slack app whose requests count.'),
  COUNTERSIGN_SLACK_SIGNING_SECRET: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be the 32 hex digits that Slack shows')
    .optional()
    .describe("The Slack app's signing secret. Only the gateway has it."),
  COUNTERSIGN_SLACK_APP_TOKEN: z
    .string()
    .startsWith('xapp-')
    .optional()
    .describe(
      "App-level token of the Slack app with the scope `connections:write`: with it the gateway takes clicks and commands over Slack's Socket Mode, and Slack need not reach the gateway.",
    ),
  COUNTERSIGN_SLACK_EMAIL_DOMAINS: z
    .string()
    .toLowerCase()
    .transform((list) => (list.trim() === '' ? [] : list.split(',').map((domain) => domain.trim())))
    .refine(
      (domains) => domains.every((domain) => /^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(domain)),
      'must be domains, separated by commas, e.g. example.com',
    )
    .default([])
    .describe(
      'Domains, separated by commas, whose addresses, confirmed by Slack, also lead to a person of the directory. Default: only the workspace and user id in the directory do.',
    ),
});
export type SlackGatewayConfig = z.infer<typeof slackGatewayConfigSchema>;

/** Everything that posting needs, complete. */
export interface SlackSettings {
  botToken: Secret;
  teamId: string;
  channel: string;
  fallbackChannel: string | null;
  noticeChannel: string | null;
  /** A person is reminded once in this time at most. */
  digestEveryMs: number;
  /** With a trailing slash. */
  apiUrl: string;
  /** Without a trailing slash. */
  publicUrl: string;
}

/** The same, and what clicks need. */
export interface SlackGatewaySettings extends SlackSettings {
  appId: string;
  signingSecret: Secret;
  /** Null: clicks come by HTTP only. */
  appToken: Secret | null;
  /** In lower case. */
  emailDomains: readonly string[];
}

/**
 * What posting to Slack needs; null when Slack is off.
 * @throws Error naming the settings that are missing although there is a bot token.
 */
export function slackSettings(config: SlackConfig): SlackSettings | null {
  if (config.COUNTERSIGN_SLACK_BOT_TOKEN === undefined) return null;
  const botToken = new Secret(config.COUNTERSIGN_SLACK_BOT_TOKEN);
  const { COUNTERSIGN_SLACK_TEAM_ID, COUNTERSIGN_SLACK_CHANNEL, COUNTERSIGN_PUBLIC_URL } = config;
  const given = complete({ COUNTERSIGN_SLACK_TEAM_ID, COUNTERSIGN_SLACK_CHANNEL, COUNTERSIGN_PUBLIC_URL });
  return {
    botToken,
    teamId: given.COUNTERSIGN_SLACK_TEAM_ID,
    channel: given.COUNTERSIGN_SLACK_CHANNEL,
    fallbackChannel: config.COUNTERSIGN_SLACK_FALLBACK_CHANNEL ?? null,
    noticeChannel: config.COUNTERSIGN_SLACK_NOTICE_CHANNEL ?? null,
    digestEveryMs: config.COUNTERSIGN_SLACK_DIGEST_SECONDS * 1000,
    apiUrl: config.COUNTERSIGN_SLACK_API_URL.replace(/\/*$/, '/'),
    publicUrl: given.COUNTERSIGN_PUBLIC_URL.replace(/\/+$/, ''),
  };
}

/**
 * What the gateway needs for Slack; null when Slack is off.
 * @throws Error as `slackSettings`.
 */
export function slackGatewaySettings(config: SlackGatewayConfig): SlackGatewaySettings | null {
  const settings = slackSettings(config);
  if (settings === null) return null;
  const { COUNTERSIGN_SLACK_APP_ID, COUNTERSIGN_SLACK_SIGNING_SECRET } = config;
  const given = complete({ COUNTERSIGN_SLACK_APP_ID, COUNTERSIGN_SLACK_SIGNING_SECRET });
  return {
    ...settings,
    appId: given.COUNTERSIGN_SLACK_APP_ID,
    signingSecret: new Secret(given.COUNTERSIGN_SLACK_SIGNING_SECRET),
    appToken: config.COUNTERSIGN_SLACK_APP_TOKEN === undefined ? null : new Secret(config.COUNTERSIGN_SLACK_APP_TOKEN),
    emailDomains: config.COUNTERSIGN_SLACK_EMAIL_DOMAINS,
  };
}

function complete<K extends string>(settings: Readonly<Record<K, string | undefined>>): Record<K, string> {
  const missing = Object.entries(settings).filter(([, value]) => value === undefined);
  if (missing.length > 0) {
    const names = missing.map(([name]) => name).join(', ');
    throw new Error(`Slack is on (COUNTERSIGN_SLACK_BOT_TOKEN is set) but not complete; also set ${names}.`);
  }
  return settings as Record<K, string>;
}
