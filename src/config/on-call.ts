import { z } from 'zod';
import { Secret } from '../core/secret.js';
import type { OnCallAccess, ServiceAccess } from '../directory/oncall/source.js';

const addressSchema = z.url({ protocol: /^https?$/ });

/** Settings for knowing who is on call, and for paging: worker and notary. */
export const onCallConfigSchema = z.object({
  COUNTERSIGN_PAGERDUTY_ROUTING_KEY: z
    .string()
    .regex(/^[A-Za-z0-9]{20,64}$/, 'must be the integration key of an Events API v2 integration')
    .optional()
    .describe('Integration key of a PagerDuty service (Events API v2). Without it nobody is paged.'),
  COUNTERSIGN_PAGERDUTY_EVENTS_URL: addressSchema
    .default('https://events.pagerduty.com')
    .describe("Address of PagerDuty's Events API; `https://events.eu.pagerduty.com` in its EU region."),
  COUNTERSIGN_PAGERDUTY_API_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe('Read-only REST API key, where the directory asks PagerDuty who is on call.'),
  COUNTERSIGN_PAGERDUTY_API_URL: addressSchema
    .default('https://api.pagerduty.com')
    .describe("Address of PagerDuty's REST API; `https://api.eu.pagerduty.com` in its EU region."),
  COUNTERSIGN_GRAFANA_ONCALL_URL: addressSchema
    .optional()
    .describe('Address of the Grafana OnCall API, where the directory asks it who is on call.'),
  COUNTERSIGN_GRAFANA_ONCALL_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe('Token for it, with the right to read schedules.'),
  COUNTERSIGN_JIRA_CLOUD_ID: z
    .guid('must be the cloud id of a site, a UUID')
    .optional()
    .describe('Cloud id of the Atlassian site, where the directory asks Jira Service Management who is on call.'),
  COUNTERSIGN_JIRA_EMAIL: z.email().optional().describe('Address of the account that may read its schedules.'),
  COUNTERSIGN_JIRA_API_TOKEN: z.string().min(1).optional().describe('API token of that account.'),
  COUNTERSIGN_JIRA_API_URL: addressSchema.default('https://api.atlassian.com').describe("Address of Atlassian's API."),
});
export type OnCallConfig = z.infer<typeof onCallConfigSchema>;

/** How PagerDuty is paged. */
export interface PagerSettings {
  routingKey: Secret;
  eventsUrl: string;
  /** Where the alert's link leads. */
  publicUrl: string;
}

/**
 * Null: nobody is paged.
 * @throws Error naming the setting that is missing although there is a routing key.
 */
export function pagerSettings(
  config: OnCallConfig & { COUNTERSIGN_PUBLIC_URL?: string | undefined },
): PagerSettings | null {
  const { COUNTERSIGN_PAGERDUTY_ROUTING_KEY: key, COUNTERSIGN_PAGERDUTY_EVENTS_URL: eventsUrl } = config;
  if (key === undefined) return null;
  const publicUrl = config.COUNTERSIGN_PUBLIC_URL;
  if (publicUrl === undefined)
    throw new Error('Paging is on (COUNTERSIGN_PAGERDUTY_ROUTING_KEY is set); also set COUNTERSIGN_PUBLIC_URL.');
  return { routingKey: new Secret(key), eventsUrl: withoutSlash(eventsUrl), publicUrl: withoutSlash(publicUrl) };
}

/** Which outside services may be asked who is on call. Slack's is the app that posts. */
export function onCallAccess(
  config: OnCallConfig & { COUNTERSIGN_SLACK_BOT_TOKEN?: string | undefined; COUNTERSIGN_SLACK_API_URL: string },
): OnCallAccess {
  return {
    pagerduty: accessOf(config.COUNTERSIGN_PAGERDUTY_API_URL, config.COUNTERSIGN_PAGERDUTY_API_TOKEN),
    grafana: accessOf(config.COUNTERSIGN_GRAFANA_ONCALL_URL, config.COUNTERSIGN_GRAFANA_ONCALL_TOKEN),
    slack: accessOf(config.COUNTERSIGN_SLACK_API_URL, config.COUNTERSIGN_SLACK_BOT_TOKEN),
    jira: jiraAccess(config),
  };
}

/** @throws Error naming what is missing of the three that belong together. */
function jiraAccess(config: OnCallConfig): ServiceAccess | null {
  const { COUNTERSIGN_JIRA_CLOUD_ID, COUNTERSIGN_JIRA_EMAIL, COUNTERSIGN_JIRA_API_TOKEN } = config;
  const own = { COUNTERSIGN_JIRA_CLOUD_ID, COUNTERSIGN_JIRA_EMAIL, COUNTERSIGN_JIRA_API_TOKEN };
  const missing = Object.entries(own).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length === Object.keys(own).length) return null;
  if (missing.length > 0) throw new Error(`Jira is configured in part: also set ${missing.join(', ')}.`);
  const url = `${withoutSlash(config.COUNTERSIGN_JIRA_API_URL)}/jsm/ops/api/${COUNTERSIGN_JIRA_CLOUD_ID ?? ''}`;
  return accessOf(url, `${COUNTERSIGN_JIRA_EMAIL ?? ''}:${COUNTERSIGN_JIRA_API_TOKEN ?? ''}`);
}

function accessOf(url: string | undefined, token: string | undefined): ServiceAccess | null {
  return url === undefined || token === undefined ? null : { apiUrl: withoutSlash(url), token: new Secret(token) };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
