import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/secret.js';
import { createBotToken } from '../../../src/channels/teams/bot-token.js';
import { openTeamsApi } from '../../../src/channels/teams/transport.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const { cache } = createRequire(import.meta.url);
const loaded = (): string[] =>
  Object.keys(cache).filter((path) => /node_modules\/(?:botbuilder|@microsoft)/.test(path));

describe("Microsoft's SDK", () => {
  it('is named in one file only, and imported there when it is needed', () => {
    const files = ['src', 'apps', 'activities', 'workflows'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(folder, file)),
    );
    const naming = files.filter((file) =>
      /'(?:botbuilder|botframework-[a-z]+|@microsoft\/teams[a-z.-]*)'/.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    expect(naming).toEqual(['src/channels/teams/transport.ts']);
    const lines = readFileSync(join(ROOT, naming[0] ?? ''), 'utf8').split('\n');
    expect(lines.filter((line) => /^import (?!type )/.test(line) && /botbuilder|@microsoft/.test(line))).toEqual([]);
  });

  it('is not loaded by gateway, worker or notary where Teams is off', async () => {
    expect(loaded()).toEqual([]);
    await import('../../../apps/gateway/gateway.js');
    await import('../../../apps/worker/worker.js');
    await import('../../../apps/notary/notary.js');
    expect(loaded()).toEqual([]);
    // The same look finds it once a channel is opened.
    const options = { appId: 'x', password: new Secret('x'), tokenUrl: 'x', scope: 'x', clock: Date.now };
    await openTeamsApi({
      appId: 'x',
      botToken: createBotToken(options),
      serviceUrls: [],
      issuer: 'x',
      metadataUrl: 'x',
    });
    expect(loaded().length).toBeGreaterThan(10);
  });
});
