import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAgentSigner } from '../../../src/client/agent-signer.js';
import { ACTION_ID, waitingAction } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran } from './run.js';

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const { publicKey } = createAgentSigner({ agentId: 'export-bot', privateKey: pem });
const REQUEST = ['request', '--operation', 'database.export', '--reason', 'Monthly report'];
// Without these the question would be a person's.
const SHOW = ['show', ACTION_ID, '--agent', 'export-bot'];

let gateway: LocalGateway;
let folder: string;

beforeEach(async () => {
  gateway = await startLocalGateway({ agents: [publicKey], acceptsPerson: async () => false });
  gateway.accept = (request) => waitingAction({ actionId: request.actionId, request });
  folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
  await writeFile(join(folder, 'bot.pem'), pem, { mode: 0o600 });
});

afterEach(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const cli = async (args: readonly string[]): Promise<Ran> =>
  run(args, {
    environment: {
      COUNTERSIGN_GATEWAY_URL: gateway.url,
      COUNTERSIGN_AGENT: 'export-bot',
      COUNTERSIGN_AGENT_KEY_FILE: join(folder, 'bot.pem'),
      XDG_CONFIG_HOME: folder,
    },
  });

describe("the agent's log", () => {
  it('is named by digest, and its text is sent beside what is signed', async () => {
    const logsFile = join(folder, 'run.log');
    await writeFile(logsFile, 'read ticket 4711\n');
    const link = 'https://traces.example/run/1';
    expect((await cli([...REQUEST, '--logs-file', logsFile, '--link', link, '--tainted'])).exitCode).toBe(0);
    const [[actionId, text] = []] = gateway.logs;
    const sha256 = createHash('sha256').update('read ticket 4711\n').digest('hex');
    expect(text).toBe('read ticket 4711\n');
    const logs = { sha256, bytes: 17 };
    expect(gateway.actions.get(actionId ?? '')?.view.request).toMatchObject({ logs, link, tainted: true });
  });

  it('is shown as it is kept, its tail or all of it', async () => {
    const lines = Array.from({ length: 30 }, (_, line) => `line ${String(line)}`);
    gateway.logs.set(ACTION_ID, lines.join('\n'));
    gateway.put(waitingAction());
    const tail = await cli(SHOW);
    expect(tail.stdout).toContain('10 earlier lines: countersign show');
    expect(tail.stdout).not.toMatch(/line 9$/m);
    expect((await cli([...SHOW, '--logs'])).stdout).toMatch(/line 0$/m);
    const json = JSON.parse((await cli([...SHOW, '--logs', '--json'])).stdout) as unknown;
    expect(json).toMatchObject({ actionId: ACTION_ID, log: { ok: true, text: lines.join('\n') } });
  });

  it('that cannot be had keeps nothing else from being shown', async () => {
    gateway.put(waitingAction());
    const { exitCode, stdout } = await cli(SHOW);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("The agent's log\n  The agent sent no log.");
  });
});
