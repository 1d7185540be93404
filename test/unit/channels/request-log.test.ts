import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { acceptJson, createServer } from '../../../src/channels/api/server.js';

it('logs requests without their query, headers, cookies and body, also when one fails', async () => {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const app = await createServer({
    log: pino({ name: 'gateway' }, sink),
    refusals: { put: async () => undefined },
    senderOf: () => null,
    trustedProxies: [],
    publicUrl: 'https://gateway.example',
  });
  app.get('/callback', async () => 'signed in');
  acceptJson(app);
  app.post('/actions', async () => {
    throw new Error('our own failure');
  });
  for (const url of ['/callback?code=s3cret&state=s3cret', '/elsewhere?access_token=s3cret']) {
    await app.inject({ url, headers: { authorization: 'Bearer s3cret', cookie: 'session=s3cret' } });
  }
  await app.inject({
    method: 'POST',
    url: '/actions',
    headers: { authorization: 'Bearer s3cret' },
    payload: { request: {}, prompterTokens: ['s3cret'] },
  });
  await app.close();
  const log = lines.join('');
  expect(log).toContain('"path":"/callback"');
  expect(log).toContain('"path":"/elsewhere"');
  expect(log).toContain('our own failure');
  expect(log).not.toContain('s3cret');
});
