import { describe, expect, it } from 'vitest';
import { createAgentTokens } from '../../../src/channels/api/agent-tokens.js';
import { createAgentToken } from '../../../src/client/agent-token.js';
import type { Policy } from '../../../src/policy/policy.js';
import { makeKey } from '../../support/signing.js';

const PUBLIC_URL = 'https://countersign.example';
const USE = { method: 'GET', path: '/v1/actions' };
const keys = { greedy: makeKey('agent/greedy'), other: makeKey('agent/other') };
type Agent = keyof typeof keys;

function setUp(remembered: { perAgent: number; inAll: number }) {
  const clock = { nowMs: Date.now() };
  const policy = { directory: { agentKey: (agent: Agent) => keys[agent].publicKey } } as unknown as Policy;
  const read = createAgentTokens({ policy: () => policy, publicUrl: PUBLIC_URL, clock: () => clock.nowMs, remembered });
  const token = (agent: Agent): Promise<string> =>
    createAgentToken(
      { ...keys[agent].signer, agentId: agent, publicKey: keys[agent].publicKey },
      { audience: PUBLIC_URL, method: USE.method, url: PUBLIC_URL + USE.path, nowMs: clock.nowMs },
    );
  return {
    clock,
    token,
    read: async (text: string) => read(text, USE),
    use: async (by: Agent) => read(await token(by), USE),
  };
}

describe('an agent that spends tokens without end', () => {
  it('fills its own share, and no other agent’s', async () => {
    const { use } = setUp({ perAgent: 3, inAll: 5 });
    for (let count = 0; count < 3; count += 1) expect(await use('greedy')).toBe('greedy');
    for (let count = 0; count < 3; count += 1)
      await expect(use('greedy')).rejects.toMatchObject({ code: 'quota_exceeded' });
    for (let count = 0; count < 2; count += 1) expect(await use('other')).toBe('other');
  });

  it('goes on once its tokens no longer hold', async () => {
    const { use, clock } = setUp({ perAgent: 1, inAll: 5 });
    await use('greedy');
    await expect(use('greedy')).rejects.toMatchObject({ code: 'quota_exceeded' });
    clock.nowMs += 120_000;
    expect(await use('greedy')).toBe('greedy');
  });

  it('spends none twice, even when it could be forgotten', async () => {
    const { token, read } = setUp({ perAgent: 1, inAll: 1 });
    const once = await token('greedy');
    await read(once);
    await expect(read(once)).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(read(await token('other'))).rejects.toMatchObject({ code: 'quota_exceeded' });
    await expect(read(once)).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});
