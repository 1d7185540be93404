import { z } from 'zod';
import { Secret } from '../core/secret.js';

/** TLS, or this very machine: a bot's token must not cross a network in clear. */
const urlSchema = z
  .url({ protocol: /^https?$/ })
  .refine(
    (url) => url.startsWith('https:') || /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])[:/]/.test(`${url}/`),
    'must begin with https://',
  );

const conversationSchema = z
  .string()
  .regex(/^(?:19:|a:)[\x21-\x7e]{1,190}$/, 'must be the id of a Teams channel or chat, e.g. 19:…@thread.tacv2')
  .refine((id) => !id.includes(';'), 'must be the id of the channel, without ";messageid=…"')
  .optional();

const listSchema = (item: z.ZodType<string, string>) =>
  z
    .string()
    .transform((list) => list.split(',').map((entry) => entry.trim()))
    .pipe(z.array(item).min(1).max(50));

/** Settings for Teams: worker, notary and gateway. Without an app id the channel is off. */
export const teamsConfigSchema = z.object({
  COUNTERSIGN_TEAMS_APP_ID: z
    .guid('must be the app id of the bot, a GUID; leave it out to switch Teams off')
    .toLowerCase()
    .optional()
    .describe('App id of the bot. Without it Teams is off.'),
  COUNTERSIGN_TEAMS_APP_PASSWORD: z.string().min(1).optional().describe("The app's client secret."),
  COUNTERSIGN_TEAMS_TENANT_IDS: listSchema(z.guid().toLowerCase())
    .optional()
    .describe('The only Entra tenants whose people count, separated by commas.'),
  COUNTERSIGN_TEAMS_CONVERSATION: conversationSchema.describe('Id of the channel or chat that actions are posted to.'),
  COUNTERSIGN_TEAMS_FALLBACK_CONVERSATION: conversationSchema.describe(
    'Id of the channel or chat that is used when the first one is gone.',
  ),
  COUNTERSIGN_TEAMS_NOTICE_CONVERSATION: conversationSchema.describe(
    'Id of the channel or chat that is told of alarms and freezes. Default: the one that actions are posted to.',
  ),
  COUNTERSIGN_TEAMS_SERVICE_URL: urlSchema
    .default('https://smba.trafficmanager.net/teams/')
    .describe('Address of the Bot Connector, until Teams has named the one for the conversation.'),
  COUNTERSIGN_TEAMS_SERVICE_URLS: listSchema(urlSchema)
    .default(['https://smba.trafficmanager.net/'])
    .describe(
      "Beginnings of the addresses that Teams may be at, separated by commas; the bot's token goes nowhere else.",
    ),
  COUNTERSIGN_TEAMS_TOKEN_URL: urlSchema
    .default('https://login.microsoftonline.com/botframework.com/oauth2/v2.0/token')
    .describe(
      "Where the bot gets its own token. For a single-tenant app its tenant's id stands in place of `botframework.com`.",
    ),
  COUNTERSIGN_TEAMS_TOKEN_SCOPE: z
    .string()
    .min(1)
    .default('https://api.botframework.com/.default')
    .describe("Scope of the bot's own token."),
  COUNTERSIGN_TEAMS_ISSUER: z
    .url({ protocol: /^https$/ })
    .default('https://api.botframework.com')
    .describe("Issuer of the Bot Connector's tokens, exactly as their `iss` has it."),
  COUNTERSIGN_TEAMS_OPENID_URL: urlSchema
    .default('https://login.botframework.com/v1/.well-known/openidconfiguration')
    .describe("Address of the OpenID metadata with the Bot Connector's keys."),
  COUNTERSIGN_TEAMS_DIGEST_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(900)
    .describe('A person is reminded in Teams once in this time at most, of all that waits for them.'),
  COUNTERSIGN_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address at which people reach the gateway; links in messages begin with it.'),
});
export type TeamsConfig = z.infer<typeof teamsConfigSchema>;

/** Everything that Teams needs, complete. */
export interface TeamsSettings {
  appId: string;
  password: Secret;
  tenantIds: readonly string[];
  conversation: string;
  fallbackConversation: string | null;
  noticeConversation: string | null;
  serviceUrl: string;
  /** Each with a slash at the end. */
  serviceUrls: readonly string[];
  tokenUrl: string;
  tokenScope: string;
  issuer: string;
  openIdUrl: string;
  /** A person is reminded once in this time at most. */
  digestEveryMs: number;
  /** Without a trailing slash. */
  publicUrl: string;
}

/**
 * What Teams needs; null when Teams is off.
 * @throws Error naming the settings that are missing, or the one that is not allowed: there is no half-configured Teams.
 */
export function teamsSettings(config: TeamsConfig): TeamsSettings | null {
  const { COUNTERSIGN_TEAMS_APP_ID, COUNTERSIGN_TEAMS_APP_PASSWORD, COUNTERSIGN_TEAMS_TENANT_IDS } = config;
  const { COUNTERSIGN_TEAMS_CONVERSATION } = config;
  const own = { COUNTERSIGN_TEAMS_APP_PASSWORD, COUNTERSIGN_TEAMS_TENANT_IDS, COUNTERSIGN_TEAMS_CONVERSATION };
  if (COUNTERSIGN_TEAMS_APP_ID === undefined) {
    if (Object.values(own).every((value) => value === undefined)) return null;
    const given = Object.entries(own).flatMap(([name, value]) => (value === undefined ? [] : [name]));
    throw new Error(`${given.join(', ')} without COUNTERSIGN_TEAMS_APP_ID: set it, or leave all of them out.`);
  }
  const given = complete({ ...own, COUNTERSIGN_PUBLIC_URL: config.COUNTERSIGN_PUBLIC_URL });
  const serviceUrls = config.COUNTERSIGN_TEAMS_SERVICE_URLS.map(withSlash);
  const serviceUrl = withSlash(config.COUNTERSIGN_TEAMS_SERVICE_URL);
  if (!serviceUrls.some((allowed) => serviceUrl.startsWith(allowed)))
    throw new Error('COUNTERSIGN_TEAMS_SERVICE_URL must begin with one of COUNTERSIGN_TEAMS_SERVICE_URLS.');
  return {
    appId: COUNTERSIGN_TEAMS_APP_ID,
    password: new Secret(given.COUNTERSIGN_TEAMS_APP_PASSWORD),
    tenantIds: given.COUNTERSIGN_TEAMS_TENANT_IDS,
    conversation: given.COUNTERSIGN_TEAMS_CONVERSATION,
    fallbackConversation: config.COUNTERSIGN_TEAMS_FALLBACK_CONVERSATION ?? null,
    noticeConversation: config.COUNTERSIGN_TEAMS_NOTICE_CONVERSATION ?? null,
    serviceUrl,
    serviceUrls,
    tokenUrl: config.COUNTERSIGN_TEAMS_TOKEN_URL,
    tokenScope: config.COUNTERSIGN_TEAMS_TOKEN_SCOPE,
    issuer: config.COUNTERSIGN_TEAMS_ISSUER,
    openIdUrl: config.COUNTERSIGN_TEAMS_OPENID_URL,
    digestEveryMs: config.COUNTERSIGN_TEAMS_DIGEST_SECONDS * 1000,
    publicUrl: given.COUNTERSIGN_PUBLIC_URL.replace(/\/+$/, ''),
  };
}

function withSlash(url: string): string {
  return url.replace(/\/*$/, '/');
}

type Complete<T> = { [K in keyof T]: NonNullable<T[K]> };

function complete<T extends Record<string, unknown>>(settings: T): Complete<T> {
  const missing = Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length === 0) return settings as Complete<T>;
  throw new Error(`Teams is on (COUNTERSIGN_TEAMS_APP_ID is set) but not complete; also set ${missing.join(', ')}.`);
}
