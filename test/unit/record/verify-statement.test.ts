import { describe, expect, it } from 'vitest';
import { seal, type Envelope, type PublicKey } from '../../../src/core/dsse.js';
import { buildStatement } from '../../../src/core/statement.js';
import {
  createStatementVerifier,
  LEASE_INTERCEPTED,
  UNJUSTIFIED_BREAK_GLASS,
} from '../../../src/record/verify-statement.js';
import { makeKey, newActionId, sealStatement, type TestKey } from '../../support/signing.js';
import { makeRequest } from '../../support/statements.js';

const agent = makeKey('agent/export-bot');
const ACTION_ID = newActionId();

function verifierWith(keys: { agent: PublicKey[] }) {
  return createStatementVerifier({ keyring: () => ({ number: 1, keys: [] }), agentKeys: () => keys.agent });
}

describe('a statement that was verified before', () => {
  it('is answered as the first time, and cannot be changed by whoever read it', async () => {
    const verify = verifierWith({ agent: [agent.publicKey] });
    const { actionId, envelope, body } = await makeRequest(agent);
    const first = verify('request', actionId, envelope);
    const mutable = first.statement.predicate.body as unknown as { params: { query: string } };
    expect(() => (mutable.params.query = 'drop table orders')).toThrow(TypeError);
    expect(verify('request', actionId, structuredClone(envelope))).toEqual(first);
    expect(first.statement.predicate.body).toEqual(body);
  });

  it('no longer holds once its key is another, or none', async () => {
    const keys: { agent: PublicKey[] } = { agent: [agent.publicKey] };
    const verify = verifierWith(keys);
    const { actionId, envelope } = await makeRequest(agent);
    verify('request', actionId, envelope);
    keys.agent = [makeKey('agent/export-bot').publicKey];
    expect(() => verify('request', actionId, envelope)).toThrow(/signature_invalid/);
    keys.agent = [];
    expect(() => verify('request', actionId, envelope)).toThrow(/no agent "export-bot"/);
    // Known again, besides a newer one of the same key id.
    keys.agent = [makeKey('agent/export-bot').publicKey, agent.publicKey];
    expect(verify('request', actionId, envelope).digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('does not hold under another action, as another kind, or with one byte changed', async () => {
    const verify = verifierWith({ agent: [agent.publicKey] });
    const { actionId, envelope } = await makeRequest(agent);
    verify('request', actionId, envelope);
    const [signature] = envelope.signatures;
    const sig = `${signature?.sig.startsWith('A') === true ? 'B' : 'A'}${signature?.sig.slice(1) ?? ''}`;
    const forged = { ...envelope, signatures: [{ keyid: agent.publicKey.keyid, sig }] };
    expect(() => verify('request', newActionId(), envelope)).toThrow(/it is about/);
    expect(() => verify('withdrawal', actionId, envelope)).toThrow(/not a withdrawal/);
    expect(() => verify('request', actionId, forged)).toThrow(/signature_invalid/);
  });

  it('has a place in its process’s chain, and an agent’s has none', async () => {
    const worker = makeKey('worker/1');
    const keys = [{ ...worker.publicKey, purpose: 'worker' as const }];
    const verify = createStatementVerifier({
      keyring: () => ({ number: 1, keys }),
      agentKeys: () => [agent.publicKey],
    });
    const { actionId, requestDigest, body } = await makeRequest(agent);
    const refusal = { code: 'policy_forbids', field: null, message: 'No.', who: null, sentDigest: null };
    const loose = await sealStatement('refusal', actionId, requestDigest, refusal, worker);
    expect(() => verify('refusal', actionId, loose)).toThrow(/no place in its process’s chain/);
    const chain = { process: 'gateway', number: 1, previous: '0'.repeat(64) } as const;
    const [chained] = await seal([buildStatement('request', { actionId, requestDigest, body, chain })], agent.signer);
    expect(() => verify('request', actionId, chained as Envelope)).toThrow(/an agent has no chain/);
    const elsewhere = newActionId();
    const strayed = await sealStatement('request', elsewhere, requestDigest, body, agent);
    expect(() => verify('request', elsewhere, strayed)).toThrow(/its body names another action/);
    const other = await sealStatement('request', actionId, '0'.repeat(64), body, agent);
    expect(() => verify('request', actionId, other)).toThrow(/not the digest of the request/);
  });

  it('is judged by the keyring in force', async () => {
    const worker = makeKey('worker/1');
    const keyring = { number: 1, keys: [{ ...worker.publicKey, purpose: 'worker' as 'worker' | 'executor' }] };
    const verify = createStatementVerifier({ keyring: () => keyring, agentKeys: () => [] });
    const actionId = newActionId();
    const body = { code: 'policy_forbids', field: null, message: 'No.', who: null, sentDigest: null };
    const chain = { process: 'worker', number: 1, previous: '0'.repeat(64) } as const;
    const statement = buildStatement('refusal', { actionId, requestDigest: '0'.repeat(64), body, chain });
    const [envelope] = await seal([statement], worker.signer);
    if (envelope === undefined) throw new Error('nothing was sealed');
    verify('refusal', actionId, envelope);
    keyring.keys = [];
    expect(() => verify('refusal', actionId, envelope)).toThrow(/key_unknown/);
  });
});

describe('who states an incident', () => {
  const decision = makeKey('decision/1');
  const executor = makeKey('executor/1');
  const worker = makeKey('worker/1');
  const keys = [
    { ...decision.publicKey, purpose: 'decision' as const },
    { ...executor.publicKey, purpose: 'executor' as const },
    { ...worker.publicKey, purpose: 'worker' as const },
  ];
  const verify = createStatementVerifier({ keyring: () => ({ number: 1, keys }), agentKeys: () => [] });

  /** As whoever has a key seals it, past all that the process's own code asks. */
  const read = async (code: string, { signer }: TestKey, process: 'gateway' | 'worker' | 'executor') => {
    const actionId = newActionId();
    const told = { actionId, agent: 'export-bot', severity: 'high' as const, sentence: 'So it is.', openedAtMs: 1 };
    const chain = { process, number: 1, previous: '0'.repeat(64) };
    const about = { actionId, requestDigest: '0'.repeat(64), body: { ...told, code }, chain };
    const [envelope] = await seal([buildStatement('incident', about)], signer);
    return verify('incident', actionId, envelope as Envelope).digest;
  };

  it('who leases of a stolen lease', async () => {
    expect(await read(LEASE_INTERCEPTED, worker, 'worker')).toMatch(/^[0-9a-f]{64}$/);
    expect(await read(LEASE_INTERCEPTED, executor, 'executor')).toMatch(/^[0-9a-f]{64}$/);
    await expect(read('rows_differ', worker, 'worker')).rejects.toThrow(/stated by another process/);
    await expect(read(LEASE_INTERCEPTED, decision, 'gateway')).rejects.toThrow(/stated by another process/);
    await expect(read(LEASE_INTERCEPTED, worker, 'executor')).rejects.toThrow(/stated by another process/);
  });

  it('the gateway of a broken glass, the executor of all others', async () => {
    expect(await read(UNJUSTIFIED_BREAK_GLASS, decision, 'gateway')).toMatch(/^[0-9a-f]{64}$/);
    expect(await read('rows_differ', executor, 'executor')).toMatch(/^[0-9a-f]{64}$/);
    await expect(read('rows_differ', decision, 'gateway')).rejects.toThrow(/stated by another process/);
    await expect(read(UNJUSTIFIED_BREAK_GLASS, executor, 'executor')).rejects.toThrow(/stated by another process/);
    await expect(read('rows_differ', decision, 'executor')).rejects.toThrow(/stated by another process/);
    await expect(read(UNJUSTIFIED_BREAK_GLASS, executor, 'gateway')).rejects.toThrow(/stated by another process/);
  });
});

describe('who signs for an agent', () => {
  const intake = makeKey('intake/1');
  const [later, earlier] = [makeKey('agent/moved-bot'), makeKey('agent/moved-bot')];
  const keyring = { number: 1, keys: [{ ...intake.publicKey, purpose: 'intake' as const }] };
  const verify = createStatementVerifier({
    keyring: () => keyring,
    agentKeys: (id) =>
      id === 'export-bot'
        ? [agent.publicKey]
        : id === 'moved-bot'
          ? [later, earlier].map(({ publicKey }) => publicKey)
          : [],
    signsByIntake: (id) => id === 'token-bot' || id === 'moved-bot',
  });
  const withdraw = (id: string, key: TestKey): Promise<Envelope> => {
    const body = { actionId: ACTION_ID, agent: id, reason: 'Not needed.', withdrawnAtMs: 1 };
    return sealStatement('withdrawal', ACTION_ID, '0'.repeat(64), body, key);
  };

  it.each([
    ['its own key', 'export-bot', agent],
    ['the gateway, when it has no key', 'token-bot', intake],
    ['its newest key', 'moved-bot', later],
    ['a key that it had before', 'moved-bot', earlier],
    ['the gateway, when it had no key at some time', 'moved-bot', intake],
  ])('%s', async (_, id, key) => {
    const { actionId, envelope } = await makeRequest(key, { agent: id });
    expect(verify('request', actionId, envelope).statement.predicate.body).toMatchObject({ agent: id });
    expect(verify('withdrawal', ACTION_ID, await withdraw(id, key))).toBeDefined();
  });

  it.each([
    ['the gateway for an agent with a key', 'export-bot', intake, /key_unknown/],
    ['the agent for one that has no key', 'token-bot', agent, /key_unknown/],
    ['a key that it never had', 'moved-bot', makeKey('agent/moved-bot'), /signature_invalid/],
    ['a key under the name of one that has none', 'token-bot', makeKey('agent/token-bot'), /key_unknown/],
    ['the gateway for an agent that nobody lists', 'ghost-bot', intake, /no agent "ghost-bot"/],
  ])('not %s', async (_, id, key, why) => {
    const { actionId, envelope } = await makeRequest(key, { agent: id });
    expect(() => verify('request', actionId, envelope)).toThrow(why);
    const withdrawal = await withdraw(id, key);
    expect(() => verify('withdrawal', ACTION_ID, withdrawal)).toThrow(why);
  });

  it('a request of an agent whose key was taken away in favour of a token no longer holds by that key', async () => {
    let hasKey = true;
    const changing = createStatementVerifier({
      keyring: () => keyring,
      agentKeys: () => (hasKey ? [agent.publicKey] : []),
      signsByIntake: () => !hasKey,
    });
    const { actionId, envelope } = await makeRequest(agent);
    changing('request', actionId, envelope);
    hasKey = false;
    expect(() => changing('request', actionId, envelope)).toThrow(/key_unknown/);
  });
});

describe('who prompted an action', () => {
  const keys = {
    intake: makeKey('intake/1'),
    worker: makeKey('worker/1'),
    decision: makeKey('decision/1'),
  };
  const verify = createStatementVerifier({
    keyring: () => ({
      number: 1,
      keys: (['intake', 'worker', 'decision'] as const).map((purpose) => ({ ...keys[purpose].publicKey, purpose })),
    }),
    agentKeys: () => [agent.publicKey],
  });
  const state = async (key: TestKey): Promise<Envelope> => {
    const statement = buildStatement('provenance', {
      actionId: ACTION_ID,
      requestDigest: '0'.repeat(64),
      body: { prompters: ['paul'], schedulers: [], verifiedAtMs: 1 },
      chain: { process: 'gateway', number: 1, previous: '0'.repeat(64) },
    });
    const [envelope] = await seal([statement], key.signer);
    if (envelope === undefined) throw new Error('nothing was sealed');
    return envelope;
  };

  it('is said by the gateway’s key intake', async () => {
    expect(verify('provenance', ACTION_ID, await state(keys.intake))).toBeDefined();
  });

  it.each([
    ['the agent', agent],
    ['the worker', keys.worker],
    ['the gateway’s key for decisions', keys.decision],
  ])('and not by %s', async (_, key) => {
    const envelope = await state(key);
    expect(() => verify('provenance', ACTION_ID, envelope)).toThrow(/key_unknown/);
  });
});
