import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialStore } from '../../../apps/cli/credentials.js';
import { createAgentSigner } from '../../../src/client/agent-signer.js';
import { Secret } from '../../../src/core/secret.js';
import { ACTION_ID, NOW_MS, waitingAction } from './action-fixture.js';
import { startLocalGateway, type LocalGateway } from './local-gateway.js';
import { run, type Ran } from './run.js';

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const { publicKey } = createAgentSigner({ agentId: 'export-bot', privateKey: pem });
const LOOKS = [['list'], ['show', ACTION_ID]];

let gateway: LocalGateway;
let folder: string;
let people: Set<string>;

beforeAll(async () => {
  const acceptsPerson = async (token: string): Promise<boolean> => people.add(token).size > 0;
  gateway = await startLocalGateway({ agents: [publicKey], acceptsPerson });
  gateway.put(waitingAction());
});
beforeEach(async () => {
  people = new Set();
  folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
  await writeFile(join(folder, 'bot.pem'), pem, { mode: 0o600 });
  return async () => rm(folder, { recursive: true });
});
afterAll(() => gateway.stop());

const store = () => createCredentialStore(join(folder, 'countersign', 'credentials.json'));
const signIn = async (expiresAtMs: number): Promise<void> =>
  store().save(gateway.url, { accessToken: new Secret('token'), expiresAtMs, issuer: 'https://id.example.com' });
const AGENT = (): Record<string, string> => ({
  COUNTERSIGN_AGENT: 'export-bot',
  COUNTERSIGN_AGENT_KEY_FILE: join(folder, 'bot.pem'),
});
const cli = async (args: readonly string[], environment: Record<string, string>): Promise<Ran> =>
  run(args, { environment: { COUNTERSIGN_GATEWAY_URL: gateway.url, XDG_CONFIG_HOME: folder, ...environment } });

describe.each(LOOKS)('%s, with no options', (...args) => {
  it('looks as the agent of the environment where nobody signed in, and says so', async () => {
    const { exitCode, stderr } = await cli([...args, '--json'], AGENT());
    expect([exitCode, people.size]).toEqual([0, 0]);
    expect(stderr).toBe('Nobody is signed in: looking as the agent export-bot, whom COUNTERSIGN_AGENT names.\n');
  });

  it('looks as the person who signed in, whatever agent the environment names', async () => {
    await signIn(NOW_MS + 60_000);
    expect(await cli(args, AGENT())).toMatchObject({ exitCode: 0, stderr: '' });
    expect([...people]).toEqual(['token']);
  });

  it('does not turn into the agent when a person’s sign-in is over', async () => {
    await signIn(NOW_MS);
    const { exitCode, stderr } = await cli(args, AGENT());
    expect([exitCode, people.size]).toEqual([7, 0]);
    expect(stderr).toContain(`Your sign-in is over at ${gateway.url}. Run: countersign login --gateway ${gateway.url}`);
  });

  it.each([
    ['no agent', () => ({}), 7, 'You are not signed in'],
    ['an agent without key', () => ({ COUNTERSIGN_AGENT: 'export-bot' }), 2, 'No key is named: give --key-file'],
  ])('says what to do where nobody signed in and the environment names %s', async (_, environment, code, words) => {
    const { exitCode, stderr } = await cli(args, environment());
    expect([exitCode, stderr]).toEqual([code, expect.stringContaining(words)]);
  });
});

it('never approves as an agent', async () => {
  const { exitCode, stderr } = await cli(['approve', ACTION_ID, '--yes'], AGENT());
  expect([exitCode, gateway.decisions]).toEqual([7, []]);
  expect(stderr).toContain('You are not signed in');
});
