import { createHash, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAgentSigner } from '../../../src/client/agent-signer.js';
import { createGatewayAgent, type CountersignGateway } from '../../../src/client/gateway.js';
import { WaitTimedOut } from '../../../src/client/wait.js';
import { Refusal, ServiceFault } from '../../../src/core/errors.js';
import { ACTION_ID, finishedAction, waitingAction } from '../cli/action-fixture.js';
import { startLocalGateway, type LocalGateway } from '../cli/local-gateway.js';

const pem = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const signer = createAgentSigner({ agentId: 'export-bot', privateKey: pem });
const asked = { operation: 'database.export', params: { target: 'orders' }, reason: 'Monthly report' };

let gateway: LocalGateway;
let agent: CountersignGateway;
let folder: string;

beforeEach(async () => {
  gateway = await startLocalGateway({ agents: [signer.publicKey], acceptsPerson: async () => false });
  agent = createGatewayAgent({ url: `${gateway.url}/`, signer });
  folder = await mkdtemp(join(tmpdir(), 'countersign-client-'));
});

afterEach(async () => {
  await gateway.stop();
  await rm(folder, { recursive: true });
});

describe('an agent at the gateway', () => {
  it('asks, waits, and withdraws under its own signature', async () => {
    gateway.accept = (request) => waitingAction({ actionId: request.actionId, request });
    const { actionId, requestDigest } = await agent.request(asked);
    gateway.put({ ...finishedAction(), actionId, requestDigest });
    expect((await agent.wait(actionId)).outcome?.status).toBe('succeeded');
    await agent.withdraw(actionId, 'Not needed');
    expect(gateway.withdrawals).toEqual([actionId]);
    expect((await agent.list()).actions.map((action) => action.actionId)).toEqual([actionId]);
  });

  it('follows the earlier action that a second request for the same joins', async () => {
    gateway.accept = () => waitingAction();
    const { requestDigest } = waitingAction();
    expect(await agent.request(asked)).toEqual({ actionId: ACTION_ID, requestDigest, joined: true });
  });

  it('is told in the gateway’s own code and field what was refused', async () => {
    const refusal: unknown = await agent.request(asked).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'policy_forbids', field: 'operation' });
  });

  it('waits through a gateway that goes away and comes back', async () => {
    gateway.put(waitingAction());
    const interruptions: string[] = [];
    const seen: string[] = [];
    gateway.drop = 2;
    const action = await agent.wait(ACTION_ID, {
      onInterrupted: (fault) => interruptions.push(fault.service),
      onChange: ({ state }) => {
        seen.push(state);
        if (state === 'waiting') gateway.put(finishedAction());
      },
    });
    expect(action.state).toBe('done');
    expect(interruptions).toEqual(['gateway', 'gateway']);
    expect(seen).toEqual(['waiting', 'done']);
  });

  it('gives up when its time is over, and says how the action stood', async () => {
    gateway.put(waitingAction());
    const error: unknown = await agent.wait(ACTION_ID, { timeoutMs: 50 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WaitTimedOut);
    expect((error as WaitTimedOut).action?.state).toBe('waiting');
  });

  it('does not wait for an action that nobody knows', async () => {
    await expect(agent.wait(ACTION_ID)).rejects.toMatchObject({ code: 'action_unknown' });
  });

  it('does not retry what a tampered record is', async () => {
    gateway.put(waitingAction());
    gateway.refusal = new Refusal('statement_invalid', 'A statement is not valid.');
    await expect(agent.wait(ACTION_ID)).rejects.toMatchObject({ code: 'statement_invalid' });
  });

  it('makes a fresh token for each call', async () => {
    gateway.put(waitingAction());
    await agent.get(ACTION_ID);
    // The gateway remembers spent tokens: a second use would be refused.
    await expect(agent.get(ACTION_ID)).resolves.toMatchObject({ actionId: ACTION_ID });
  });

  it('says that a gateway which is not there cannot be reached', async () => {
    await gateway.stop();
    const fault: unknown = await agent.get(ACTION_ID).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(ServiceFault);
    expect(fault).toMatchObject({ service: 'gateway', temporary: true });
    gateway = await startLocalGateway({ agents: [], acceptsPerson: async () => false });
  });
});

describe('the address of a gateway', () => {
  it.each([
    'http://localhost:8480',
    'http://127.0.0.1',
    'http://127.9.8.7:1',
    'http://[::1]:8480',
    'https://g.example',
  ])('%s is taken', (url) => {
    expect(() => createGatewayAgent({ url, signer })).not.toThrow();
  });

  it.each([
    'http://gateway.example',
    'http://127.0.0.1.example',
    'http://localhost.example',
    'http://[::ffff:127.0.0.1]',
    'http://0.0.0.0:8480',
    'http://10.0.0.1',
  ])('%s is refused by the name of the setting, unless that is switched on', (url) => {
    expect(() => createGatewayAgent({ url, signer })).toThrow(
      expect.objectContaining({ name: 'Refusal', code: 'field_invalid', field: 'insecureHttp' }) as Error,
    );
    expect(() => createGatewayAgent({ url, signer, insecureHttp: true })).not.toThrow();
  });
});

describe('downloading', () => {
  const output = Buffer.from('id,total\n1,9.50\n');
  const sha256 = createHash('sha256').update(output).digest('hex');

  it('leaves a private file that is what the receipt names', async () => {
    gateway.put(finishedAction(sha256));
    gateway.outputs.set(ACTION_ID, output);
    const path = join(folder, 'orders.csv');
    expect(await agent.download(ACTION_ID, path)).toEqual({ path, bytes: output.length, sha256 });
    expect(await readFile(path)).toEqual(output);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.each<[what: string, code: string, arrange: () => unknown]>([
    ['is not what the receipt names', 'artefact_corrupt', () => gateway.outputs.set(ACTION_ID, Buffer.from('other'))],
    ['is gone', 'artefact_gone', () => gateway.outputs.delete(ACTION_ID)],
  ])('leaves nothing when the output %s', async (_what, code, arrange) => {
    gateway.put(finishedAction(sha256));
    arrange();
    await expect(agent.download(ACTION_ID, join(folder, 'orders.csv'))).rejects.toMatchObject({ code });
    expect(await readdir(folder)).toEqual([]);
  });

  it('never overwrites a file', async () => {
    gateway.put(finishedAction(sha256));
    gateway.outputs.set(ACTION_ID, output);
    const path = join(folder, 'mine.csv');
    await writeFile(path, 'mine');
    await expect(agent.download(ACTION_ID, path)).rejects.toMatchObject({ code: 'field_invalid' });
    expect(await readFile(path, 'utf8')).toBe('mine');
    expect(existsSync(`${path}.part`)).toBe(false);
  });
});
