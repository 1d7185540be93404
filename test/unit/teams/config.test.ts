import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/common.js';
import { teamsConfigSchema, teamsSettings } from '../../../src/config/teams.js';

const tenant = '11111111-1111-4111-8111-111111111111';
const complete = {
  COUNTERSIGN_TEAMS_APP_ID: '22222222-2222-4222-8222-222222222222',
  COUNTERSIGN_TEAMS_APP_PASSWORD: 'app-password',
  COUNTERSIGN_TEAMS_TENANT_IDS: `${tenant}, AAAAAAAA-1111-4111-8111-111111111111`,
  COUNTERSIGN_TEAMS_CONVERSATION: '19:abc@thread.tacv2',
  COUNTERSIGN_PUBLIC_URL: 'https://countersign.example/',
};
const settingsOf = (environment: Record<string, string | undefined>) =>
  teamsSettings(parseConfig(teamsConfigSchema, environment));

describe('Teams settings', () => {
  it('are off when there are none', () => {
    expect(settingsOf({})).toBeNull();
    expect(settingsOf({ COUNTERSIGN_PUBLIC_URL: 'https://countersign.example' })).toBeNull();
  });

  it('are complete, and hide the password', () => {
    const settings = settingsOf(complete);
    expect(settings).toMatchObject({
      tenantIds: [tenant, 'aaaaaaaa-1111-4111-8111-111111111111'],
      fallbackConversation: null,
      noticeConversation: null,
      serviceUrls: ['https://smba.trafficmanager.net/'],
      issuer: 'https://api.botframework.com',
      publicUrl: 'https://countersign.example',
    });
    expect(JSON.stringify(settings)).not.toContain('app-password');
  });

  it.each(Object.keys(complete))('without %s are an error that names it', (name) => {
    expect(() => settingsOf({ ...complete, [name]: undefined })).toThrow(name);
  });

  it.each([
    ['COUNTERSIGN_TEAMS_APP_ID', ''],
    ['COUNTERSIGN_TEAMS_APP_ID', 'my-bot'],
    ['COUNTERSIGN_TEAMS_APP_PASSWORD', ''],
    ['COUNTERSIGN_TEAMS_TENANT_IDS', ''],
    ['COUNTERSIGN_TEAMS_TENANT_IDS', 'common'],
    ['COUNTERSIGN_TEAMS_CONVERSATION', 'General'],
    ['COUNTERSIGN_TEAMS_CONVERSATION', '19:abc@thread.tacv2;messageid=1'],
    ['COUNTERSIGN_TEAMS_SERVICE_URL', 'https://smba.example/'],
    ['COUNTERSIGN_TEAMS_SERVICE_URL', 'https://smba.trafficmanager.net.example/'],
    ['COUNTERSIGN_TEAMS_SERVICE_URLS', 'http://smba.trafficmanager.net/'],
    ['COUNTERSIGN_TEAMS_TOKEN_URL', 'http://127.0.0.1.example/token'],
    ['COUNTERSIGN_TEAMS_ISSUER', 'http://api.botframework.com'],
  ])('%s may not be "%s"', (name, value) => {
    expect(() => settingsOf({ ...complete, [name]: value })).toThrow(name);
  });
});
