import { describe, expect, it } from 'vitest';
import {
  slackConfigSchema,
  slackGatewayConfigSchema,
  slackGatewaySettings,
  slackSettings,
} from '../../../src/config/slack.js';

const posting = {
  COUNTERSIGN_SLACK_BOT_TOKEN: 'xoxb-secret',
  COUNTERSIGN_SLACK_TEAM_ID: 'T0TEAM',
  COUNTERSIGN_SLACK_CHANNEL: 'C0CHANNEL',
  COUNTERSIGN_PUBLIC_URL: 'https://countersign.example/',
};
const gateway = { ...posting, COUNTERSIGN_SLACK_APP_ID: 'A0APP', COUNTERSIGN_SLACK_SIGNING_SECRET: '0'.repeat(32) };

describe('Slack settings', () => {
  it('are off without a bot token', () => {
    expect(slackSettings(slackConfigSchema.parse({}))).toBeNull();
    expect(slackGatewaySettings(slackGatewayConfigSchema.parse({}))).toBeNull();
  });

  it('are complete for posting, and hide the token', () => {
    const settings = slackSettings(slackConfigSchema.parse(posting));
    expect(settings).toMatchObject({
      apiUrl: 'https://slack.com/api/',
      publicUrl: 'https://countersign.example',
      fallbackChannel: null,
      noticeChannel: null,
    });
    expect(JSON.stringify(settings)).not.toContain('xoxb');
    expect(slackGatewaySettings(slackGatewayConfigSchema.parse(gateway))).toMatchObject({ appId: 'A0APP' });
  });

  it('take clicks by HTTP alone without an app token, and know people by the directory alone without domains', () => {
    expect(slackGatewaySettings(slackGatewayConfigSchema.parse(gateway))).toMatchObject({
      appToken: null,
      emailDomains: [],
    });
    const more = {
      ...gateway,
      COUNTERSIGN_SLACK_APP_TOKEN: 'xapp-secret',
      COUNTERSIGN_SLACK_EMAIL_DOMAINS: 'Example.com, corp.example',
    };
    const settings = slackGatewaySettings(slackGatewayConfigSchema.parse(more));
    expect(settings?.emailDomains).toEqual(['example.com', 'corp.example']);
    expect(settings?.appToken?.reveal()).toBe('xapp-secret');
    expect(JSON.stringify(settings)).not.toContain('xapp');
  });

  it.each([
    'COUNTERSIGN_SLACK_TEAM_ID',
    'COUNTERSIGN_SLACK_CHANNEL',
    'COUNTERSIGN_PUBLIC_URL',
    'COUNTERSIGN_SLACK_APP_ID',
    'COUNTERSIGN_SLACK_SIGNING_SECRET',
  ])('without %s are an error that names it', (name) => {
    const config = slackGatewayConfigSchema.parse({ ...gateway, [name]: undefined });
    expect(() => slackGatewaySettings(config)).toThrow(name);
  });

  it.each([
    ['COUNTERSIGN_SLACK_BOT_TOKEN', 'xoxp-a-user-token'],
    ['COUNTERSIGN_SLACK_TEAM_ID', 'my-team'],
    ['COUNTERSIGN_SLACK_CHANNEL', '#approvals'],
    ['COUNTERSIGN_SLACK_SIGNING_SECRET', 'short'],
    ['COUNTERSIGN_SLACK_APP_TOKEN', 'xoxb-a-bot-token'],
    ['COUNTERSIGN_SLACK_EMAIL_DOMAINS', '@example.com'],
    ['COUNTERSIGN_SLACK_EMAIL_DOMAINS', 'com'],
    ['COUNTERSIGN_SLACK_API_URL', 'file:///etc/passwd'],
  ])('%s may not be %s', (name, value) => {
    expect(slackGatewayConfigSchema.safeParse({ ...gateway, [name]: value }).success).toBe(false);
  });
});
