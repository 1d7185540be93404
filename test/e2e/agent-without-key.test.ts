import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rememberSigners } from '../../src/directory/agent-signers.js';
import { verifyStatements } from '../../src/evidence/verify-statements.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { buildRequest } from '../../src/client/requests.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { bundleDigest } from '../../src/policy/bundle-files.js';
import { loadBundle } from '../../src/policy/load-bundle.js';
import type { ActionView } from '../../src/record/action-view.js';
import { agentOf, PLAIN_EXPORT, until } from '../support/actors.js';
import { makeKey, sealStatement } from '../support/signing.js';
import {
  holdExport,
  keptTokens,
  seconds,
  startTokenStack,
  WORKLOAD_AUDIENCE,
  type OthersTokens,
  type TokenStack,
} from '../support/token-agents.js';
import { run } from '../unit/cli/run.js';

let stack: TokenStack;
let agent: CountersignGateway;

beforeAll(async () => {
  stack = await startTokenStack();
  agent = stack.agent();
});
afterAll(() => stack.close());

const plain = () => buildRequest({ agent: 'token-bot', ...PLAIN_EXPORT });
const post: TokenStack['post'] = (...sent) => stack.post(...sent);
const hold = (tokens?: OthersTokens): Promise<ActionView> => holdExport(agent, tokens);

describe('an agent without a key', () => {
  it('asks by its token, on whose behalf is proven, and who did not prompt it approves', async () => {
    const { actionId, barred, provenance, timeline } = await hold({
      prompterTokens: [await stack.prompterToken('paul')],
    });
    expect(provenance).toEqual({ prompters: ['paul'], schedulers: [] });
    expect(barred.map(({ person }) => person)).toEqual(['olivia', 'paul']);
    expect(timeline.slice(0, 2).map(({ kind, signedBy }) => [kind, signedBy.split('/')[0]])).toEqual([
      ['request', 'intake'],
      ['provenance', 'intake'],
    ]);
    // Listed as able to prompt the agent, but it was somebody else this time.
    expect(await stack.person('ben').decideOn(actionId, 'approve')).toMatchObject({ state: 'filled' });
    const done = await agent.wait(actionId, { timeoutMs: 60_000 });
    expect(done).toMatchObject({ state: 'done', outcome: { status: 'succeeded' } });

    const { directory } = await loadBundle(stack.place.policyDir, {
      pinnedDigest: await bundleDigest(stack.place.policyDir),
    });
    const envelopes = await stack.person('ben').statements(actionId);
    const verifying = { actionId, keyring: stack.installation.keys };
    const agents = rememberSigners(directory.agents());
    expect(verifyStatements(envelopes, { ...verifying, ...agents })).toMatchObject({ ok: true });
    const { agentKeys } = agents;
    expect(verifyStatements(envelopes, { ...verifying, agentKeys })).toMatchObject({ ok: false });
  });

  it('is one request when it is sent again with a fresh token', async () => {
    const { request, actionId } = plain();
    for (let time = 1; time <= 2; time += 1) {
      expect(await post('/actions', { request }, await stack.workloadToken())).toMatchObject({ status: 202 });
    }
    const { timeline } = await until(agent, actionId, ({ state }) => state === 'waiting');
    expect(timeline.filter(({ kind }) => kind === 'request')).toHaveLength(1);
  });

  it('withdraws by its token; others do not learn of its actions', async () => {
    const { actionId } = await hold();
    const other = stack.agent('other-bot', { sub: 'other', aud: 'for-other-bot' });
    await expect(other.get(actionId)).rejects.toMatchObject({ code: 'action_unknown' });
    await expect(agentOf(stack).get(actionId)).rejects.toMatchObject({ code: 'action_unknown' });
    const body = { actionId, agent: 'other-bot', reason: 'Mine now.', withdrawnAtMs: Date.now() };
    const token = await stack.workloadToken({ claims: { sub: 'other', aud: 'for-other-bot' } });
    expect(await post(`/actions/${actionId}/withdrawal`, body, token)).toMatchObject({ code: 'action_unknown' });
    expect(await post(`/actions/${actionId}/withdrawal`, { ...body, agent: 'token-bot' }, null)).toMatchObject({
      status: 401,
    });
    expect((await agent.list()).actions.map((action) => action.actionId)).toContain(actionId);
    await agent.withdraw(actionId, 'Not needed.');
    expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'withdrawn' } });
  });

  it('never decides', async () => {
    const { actionId, actionDigest } = await hold();
    const answer = await fetch(`${stack.gatewayUrl}/v1/actions/${actionId}/decision`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': 'x',
        authorization: `Bearer ${await stack.workloadToken()}`,
      },
      body: JSON.stringify({ decision: 'approve', reason: 'fine', actionDigest }),
    });
    expect(answer.status).toBe(403);
  });

  const created = async (alg: string) => (await generateKeyPair(alg)).privateKey;
  const tokens: [name: string, make: () => Promise<string>, status: number, code: string][] = [
    ['expired', () => stack.workloadToken({ claims: { exp: seconds() - 61 } }), 401, 'unauthenticated'],
    ['not yet valid', () => stack.workloadToken({ claims: { nbf: seconds() + 120 } }), 401, 'unauthenticated'],
    ['without expiry', () => stack.workloadToken({ claims: { exp: undefined } as never }), 401, 'unauthenticated'],
    [
      'that holds for a day',
      () => stack.workloadToken({ claims: { exp: seconds() + 86_400 } }),
      401,
      'unauthenticated',
    ],
    [
      'that holds for a day, issued tomorrow',
      () => stack.workloadToken({ claims: { iat: seconds() + 86_000, exp: seconds() + 86_400 } }),
      401,
      'unauthenticated',
    ],
    ['for another audience', () => stack.workloadToken({ claims: { aud: 'countersign' } }), 401, 'unauthenticated'],
    [
      'of an issuer like ours',
      () => stack.workloadToken({ claims: { iss: `${stack.workloads.issuer}/` } }),
      401,
      'unauthenticated',
    ],
    ['of a person', () => stack.people.token({ claims: { aud: WORKLOAD_AUDIENCE } }), 401, 'unauthenticated'],
    ['under a foreign key', async () => stack.workloadToken({ key: await created('ES256') }), 401, 'unauthenticated'],
    [
      'with an algorithm that is not allowed',
      async () => stack.workloadToken({ key: await created('RS256'), header: { alg: 'RS256' } }),
      401,
      'unauthenticated',
    ],
    [
      'with HS256 and the public key',
      () => stack.workloadToken({ key: new TextEncoder().encode(stack.workloads.publicPem), header: { alg: 'HS256' } }),
      401,
      'unauthenticated',
    ],
    ['of nobody', () => stack.workloadToken({ claims: { sub: 'nobody' } }), 403, 'agent_unknown'],
    [
      'whose subject differs in case',
      async () => stack.workloadToken({ claims: { sub: 'spiffe://example.org/ns/agents/sa/Token-bot' } }),
      403,
      'agent_unknown',
    ],
    [
      'for the issuer’s audience, of an agent that has its own',
      () => stack.workloadToken({ claims: { sub: 'other' } }),
      401,
      'unauthenticated',
    ],
    [
      'of another agent',
      () => stack.workloadToken({ claims: { sub: 'other', aud: 'for-other-bot' } }),
      403,
      'forbidden',
    ],
    ['that is none', async () => 'e30.e30.e30', 401, 'unauthenticated'],
  ];

  it.each(tokens)('is turned away with a token %s', async (_, make, status, code) => {
    const { request, actionId } = plain();
    const token = await make();
    stack.made.push(token);
    expect(await post('/actions', { request }, token)).toMatchObject({ status, code });
    await expect(stack.client.workflow.getHandle(workflowIdOf(actionId)).describe()).rejects.toThrow();
  });

  it.each([
    ['asks for an agent with a key', { agent: 'export-bot' }, 'forbidden'],
    ['asks for nobody', { agent: 'ghost-bot' }, 'forbidden'],
  ])('is turned away when it %s', async (_, change, code) => {
    const { request } = buildRequest({ ...PLAIN_EXPORT, ...change });
    expect(await post('/actions', { request }, await stack.workloadToken())).toMatchObject({ code, field: 'agent' });
  });

  it('cannot do without its token, nor sign by a key of its choice', async () => {
    const { request, actionId, requestDigest } = plain();
    expect(await post('/actions', { request }, null)).toMatchObject({ code: 'envelope_malformed' });
    for (const [keyid, code] of [
      ['agent/token-bot', 'agent_unknown'],
      ['intake/1', 'signature_invalid'],
    ] as const) {
      const envelope = await sealStatement('request', actionId, requestDigest, request, makeKey(keyid));
      expect(await post('/actions', envelope, null)).toMatchObject({ code });
    }
  });
});

describe('the command line, for an agent without a key', () => {
  it('asks, looks, and withdraws by the token in a file, and hands in the prompter’s', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-token-'));
    try {
      const [own, prompter] = [join(folder, 'token'), join(folder, 'prompter')];
      await writeFile(own, `${await stack.workloadToken()}\n`);
      await writeFile(prompter, `${await stack.prompterToken('paul')}\n`);
      const environment = {
        COUNTERSIGN_GATEWAY_URL: stack.gatewayUrl,
        COUNTERSIGN_AGENT: 'token-bot',
        XDG_CONFIG_HOME: folder,
      };
      const cli = (...args: string[]) => run([...args, '--token-file', own], { environment });
      const params = Object.entries(PLAIN_EXPORT.params).flatMap(([name, value]) => [
        '--param',
        `${name}:=${JSON.stringify(value)}`,
      ]);
      const request = ['request', '--operation', PLAIN_EXPORT.operation, '--reason', 'Monthly report', ...params];
      const asked = await cli(...request, '--prompter-token-file', prompter, '--json');
      expect(asked).toMatchObject({ exitCode: 0 });
      const { actionId } = JSON.parse(asked.stdout) as { actionId: string };
      await until(agent, actionId, ({ state }) => state === 'waiting');
      expect((await cli('show', actionId)).stdout).toContain('paul (by their own token)');
      expect(await cli('withdraw', actionId)).toMatchObject({ exitCode: 0 });
      expect(await agent.wait(actionId, { timeoutMs: 30_000 })).toMatchObject({ outcome: { status: 'withdrawn' } });

      const both = await cli('show', actionId, '--key-file', own);
      expect(both).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('not both') as unknown });
      await writeFile(own, 'no token at all');
      const none = await cli('show', actionId);
      expect(none.exitCode).toBe(3);
      expect(none.stderr).toContain('does not hold a JWT');
      expect(none.stderr).not.toContain('no token at all');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a token', () => {
  it('is nowhere kept: not in the record, not in a history', async () => {
    expect(stack.made.length).toBeGreaterThan(20);
    expect(await keptTokens(stack)).toEqual([]);
  });
});
