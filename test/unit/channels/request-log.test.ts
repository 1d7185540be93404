import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createServer } from '../../../src/channels/api/server.js';

it('logs requests without their query, headers and cookies', async () => {
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
    publicUrl: 'https://gateway.example',
  });
  app.get('/callback', async () => 'signed in');
  for (const url of ['/callback?code=s3cret&state=s3cret', '/elsewhere?access_token=s3cret']) {
    await app.inject({ url, headers: { authorization: 'Bearer s3cret', cookie: 'session=s3cret' } });
  }
  await app.close();
  const log = lines.join('');
  expect(log).toContain('"path":"/callback"');
  expect(log).toContain('"path":"/elsewhere"');
  expect(log).not.toContain('s3cret');
});
