import { describe, expect, it } from 'vitest';
import { webhookHeaders } from '../../../src/channels/webhook/signature.js';
import { parseConfig } from '../../../src/config/common.js';
import { webhooksConfigSchema, webhookSettings } from '../../../src/config/webhooks.js';
import { Secret } from '../../../src/core/secret.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('a signature', () => {
  // https://github.com/standard-webhooks/standard-webhooks, libraries/*/: the vector that all of its libraries are tested with.
  it("is that of the specification's own vector, once for each secret", () => {
    const message = {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestampSeconds: 1_614_265_330,
      body: '{"test": 2432232314}',
    };
    const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
    expect(webhookHeaders(message, [new Secret(SECRET)])).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': signature,
    });
    const other = new Secret(`whsec_${Buffer.alloc(24, 1).toString('base64')}`);
    const both = webhookHeaders(message, [other, new Secret(SECRET)])['webhook-signature'].split(' ');
    expect(both).toHaveLength(2);
    expect(both[1]).toBe(signature);
  });
});

const parse = (endpoints: unknown) =>
  parseConfig(webhooksConfigSchema, { COUNTERSIGN_WEBHOOKS: JSON.stringify(endpoints) });
const CHAT = { name: 'chat', url: 'https://chat.example.com/hook', secret: SECRET };

describe('the settings', () => {
  it.each([
    ['a plain http address', { ...CHAT, url: 'http://chat.example.com/hook' }, '0.url: must be https'],
    ['the metadata service', { ...CHAT, url: 'http://169.254.169.254/' }, '0.url: must be https'],
    [
      'a host that only begins like loopback',
      { ...CHAT, url: 'http://127.0.0.1.example.com/' },
      '0.url: must be https',
    ],
    ['another scheme', { ...CHAT, url: 'file:///etc/passwd' }, '0.url'],
    ['a password in the address', { ...CHAT, url: 'https://a:b@chat.example.com/' }, '0.url: must hold no user name'],
    ['a short secret', { ...CHAT, secret: 'whsec_c2hvcnQ=' }, '24 to 64 bytes'],
    ['no secret', { name: 'chat', url: CHAT.url }, '0.secret'],
    ['a member that nobody knows', { ...CHAT, method: 'GET' }, 'method'],
  ])('refuse %s, and do not repeat what was given', (_what, endpoint, message) => {
    let thrown = '';
    try {
      parse([endpoint]);
    } catch (error) {
      thrown = String(error);
    }
    expect(thrown).toContain(message);
    expect(thrown).not.toContain('whsec_M');
  });

  it('refuse two receivers of one name, and what is no list', () => {
    expect(() => parse([CHAT, CHAT])).toThrow('names that differ');
    expect(() => parse('chat')).toThrow('COUNTERSIGN_WEBHOOKS');
  });

  it('take https, and http on this machine; without any the channel is off', () => {
    const config = parse([
      CHAT,
      { ...CHAT, name: 'local', url: 'http://127.0.0.1:8080/hook', secret: [SECRET, SECRET] },
    ]);
    expect(() => webhookSettings(config)).toThrow('COUNTERSIGN_PUBLIC_URL');
    const settings = webhookSettings({ ...config, COUNTERSIGN_PUBLIC_URL: 'https://c.example.com/' });
    expect(settings?.publicUrl).toBe('https://c.example.com');
    expect(settings?.endpoints.map(({ name, secrets }) => [name, secrets.length])).toEqual([
      ['chat', 1],
      ['local', 2],
    ]);
    expect(JSON.stringify(settings)).not.toContain('whsec_');
    expect(webhookSettings(parseConfig(webhooksConfigSchema, {}))).toBeNull();
  });
});
