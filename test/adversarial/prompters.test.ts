import { WorkflowNotFoundError } from '@temporalio/client';
import { generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { buildRequest, signRequest } from '../../src/client/requests.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import type { ActionView } from '../../src/record/action-view.js';
import { agentOf, agentSigner, PLAIN_EXPORT, until } from '../support/actors.js';
import { makeKey, sealStatement } from '../support/signing.js';
import {
  holdExport,
  keptTokens,
  seconds,
  startTokenStack,
  type OthersTokens,
  type TokenStack,
} from '../support/token-agents.js';
import { plantStatement } from './plant.js';

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

describe('who prompted it', () => {
  it.each([
    ['without a token, whoever may prompt', 'ben', async () => ({})],
    [
      'the prompter by a second account',
      'paul-admin',
      async () => ({ prompterTokens: [await stack.prompterToken('paul')] }),
    ],
    [
      'the person behind the second account',
      'paul-admin',
      async () => ({ prompterTokens: [await stack.prompterToken('paul-admin')] }),
    ],
    [
      'the scheduler',
      'ben',
      async () => ({
        prompterTokens: [await stack.prompterToken('paul')],
        schedulerTokens: [await stack.prompterToken('ben')],
      }),
    ],
    [
      'whoever may prompt, with the scheduler alone',
      'ben',
      async () => ({ schedulerTokens: [await stack.prompterToken('paul')] }),
    ],
    ['the owner', 'olivia-admin', async () => ({ prompterTokens: [await stack.prompterToken('paul')] })],
  ])('bars %s', async (_, person, tokens) => {
    const { actionId } = await hold(await tokens());
    await expect(stack.person(person).decideOn(actionId, 'approve')).rejects.toMatchObject({ code: 'self_approval' });
  });

  const bad: [name: string, make: () => Promise<string[]>, code: string][] = [
    [
      'for another audience',
      async () => [await stack.prompterToken('paul', { claims: { aud: 'payroll' } })],
      'unauthenticated',
    ],
    [
      'to decide with',
      async () => [await stack.prompterToken('paul', { claims: { aud: 'countersign' } })],
      'unauthenticated',
    ],
    [
      'to decide with, too',
      async () => [await stack.prompterToken('paul', { claims: { aud: ['countersign-prompter', 'countersign'] } })],
      'unauthenticated',
    ],
    [
      'that has expired',
      async () => [await stack.prompterToken('paul', { claims: { exp: seconds() - 61 } })],
      'unauthenticated',
    ],
    [
      // Its own expiry would let an agent speak for the person for a day.
      'issued more than an hour ago',
      async () => [await stack.prompterToken('paul', { claims: { iat: seconds() - 3_700, exp: seconds() + 80_000 } })],
      'unauthenticated',
    ],
    [
      'issued in times to come',
      async () => [await stack.prompterToken('paul', { claims: { iat: seconds() + 3_600, exp: seconds() + 7_200 } })],
      'unauthenticated',
    ],
    [
      'under a foreign key',
      async () => [await stack.prompterToken('paul', { key: (await generateKeyPair('ES256')).privateKey })],
      'unauthenticated',
    ],
    [
      'for logging out',
      async () => [await stack.prompterToken('paul', { header: { typ: 'logout+jwt' } })],
      'unauthenticated',
    ],
    ['of a program', async () => [await stack.prompterToken('cli')], 'unauthenticated'],
    ['of the agent itself', async () => [await stack.workloadToken()], 'unauthenticated'],
    ['of somebody who may not prompt it', async () => [await stack.prompterToken('carol')], 'forbidden'],
    ['of somebody whom nobody lists', async () => [await stack.prompterToken('mallory')], 'person_unknown'],
    [
      'good, and another that is not',
      async () => [await stack.prompterToken('paul'), await stack.prompterToken('carol')],
      'forbidden',
    ],
    [
      'six times',
      async () => Promise.all(Array.from({ length: 6 }, () => stack.prompterToken('paul'))),
      'field_invalid',
    ],
  ];

  it.each(bad)('is not proven by a token %s, and nothing starts', async (_, make, code) => {
    const { request, actionId } = plain();
    const answer = await post('/actions', { request, prompterTokens: await make() }, await stack.workloadToken());
    expect(answer).toMatchObject({ code, field: expect.stringMatching(/^prompterTokens/) as unknown });
    await expect(stack.client.workflow.getHandle(workflowIdOf(actionId)).describe()).rejects.toThrow(
      WorkflowNotFoundError,
    );
  });

  it('is proven for an agent with a key as well', async () => {
    const { actionId } = await agentOf(stack).request({
      ...PLAIN_EXPORT,
      prompterTokens: [await stack.prompterToken('paul')],
    });
    const held = await until(agentOf(stack), actionId, ({ state }) => state === 'waiting');
    expect(held.provenance).toEqual({ prompters: ['paul'], schedulers: [] });
  });

  it('cannot be said later, nor said again otherwise', async () => {
    const { request, actionId } = plain();
    const send = async (...people: string[]) =>
      post(
        '/actions',
        { request, prompterTokens: await Promise.all(people.map((person) => stack.prompterToken(person))) },
        await stack.workloadToken(),
      );
    expect(await send()).toMatchObject({ status: 202 });
    await until(agent, actionId, ({ state }) => state === 'waiting');
    expect(await send('paul')).toMatchObject({ code: 'action_id_spent' });
    await expect(stack.person('ben').decideOn(actionId, 'approve')).rejects.toMatchObject({ code: 'self_approval' });

    const { actionId: proven } = await hold({ prompterTokens: [await stack.prompterToken('paul')] });
    const { request: same } = { request: (await agent.get(proven)).request };
    const again = async (person: string) =>
      post(
        '/actions',
        { request: same, prompterTokens: [await stack.prompterToken(person)] },
        await stack.workloadToken(),
      );
    expect(await again('paul')).toMatchObject({ status: 202 });
    expect(await again('ben')).toMatchObject({ code: 'action_id_spent' });
  });

  it('cannot be said of a request that is known by its log: who joined it meanwhile would not be barred', async () => {
    const logs = 'step 1';
    const { actionId, envelope } = await signRequest(
      { agent: 'export-bot', ...PLAIN_EXPORT, logs },
      agentSigner(stack),
    );
    expect(await post(`/actions/${actionId}/logs`, { ...envelope, logs }, null)).toMatchObject({ status: 200 });
    const prompterTokens = [await stack.prompterToken('paul')];
    expect(await post('/actions', { ...envelope, logs, prompterTokens }, null)).toMatchObject({
      code: 'action_id_spent',
      field: 'prompterTokens',
    });
    expect(await post('/actions', { ...envelope, logs }, null)).toMatchObject({ status: 202 });
    const held = await until(agentOf(stack), actionId, ({ state }) => state === 'waiting');
    expect(held.provenance ?? null).toBeNull();
  });

  it.each(['agent/token-bot', 'worker/1', 'intake/1'])(
    'is not believed when %s is forged for it in the record',
    async (keyid) => {
      const { actionId, requestDigest } = await hold();
      const body = { prompters: ['paul'], schedulers: [], verifiedAtMs: Date.now() };
      const envelope = await sealStatement('provenance', actionId, requestDigest, body, makeKey(keyid));
      await plantStatement(stack, { kind: 'provenance', actionId, envelope, process: 'gateway' });
      const refusal = { code: 'statement_invalid' };
      await expect(stack.person('ben').decideOn(actionId, 'approve')).rejects.toMatchObject(refusal);
      await expect(agent.get(actionId)).rejects.toMatchObject(refusal);
    },
  );
});

describe('a prompter’s token', () => {
  it('is nowhere kept: not in the record, not in a history', async () => {
    expect(stack.made.length).toBeGreaterThan(20);
    expect(await keptTokens(stack)).toEqual([]);
  });
});
