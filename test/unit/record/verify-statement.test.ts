import { describe, expect, it } from 'vitest';
import { seal, type PublicKey } from '../../../src/core/dsse.js';
import { buildStatement } from '../../../src/core/statement.js';
import { createStatementVerifier } from '../../../src/record/verify-statement.js';
import { makeKey, newActionId } from '../../support/signing.js';
import { makeRequest } from '../../support/statements.js';

const agent = makeKey('agent/export-bot');

function verifierWith(keys: { agent: PublicKey | undefined }) {
  return createStatementVerifier({ keyring: () => ({ number: 1, keys: [] }), agentKey: () => keys.agent });
}

describe('a statement that was verified before', () => {
  it('is answered as the first time, and cannot be changed by whoever read it', async () => {
    const verify = verifierWith({ agent: agent.publicKey });
    const { actionId, envelope, body } = await makeRequest(agent);
    const first = verify('request', actionId, envelope);
    const mutable = first.statement.predicate.body as unknown as { params: { query: string } };
    expect(() => (mutable.params.query = 'drop table orders')).toThrow(TypeError);
    expect(verify('request', actionId, structuredClone(envelope))).toEqual(first);
    expect(first.statement.predicate.body).toEqual(body);
  });

  it('no longer holds once its key is another, or none', async () => {
    const keys: { agent: PublicKey | undefined } = { agent: agent.publicKey };
    const verify = verifierWith(keys);
    const { actionId, envelope } = await makeRequest(agent);
    verify('request', actionId, envelope);
    keys.agent = makeKey('agent/export-bot').publicKey;
    expect(() => verify('request', actionId, envelope)).toThrow(/signature_invalid/);
    keys.agent = undefined;
    expect(() => verify('request', actionId, envelope)).toThrow(/no agent "export-bot"/);
    keys.agent = agent.publicKey;
    expect(verify('request', actionId, envelope).digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('does not hold under another action, as another kind, or with one byte changed', async () => {
    const verify = verifierWith({ agent: agent.publicKey });
    const { actionId, envelope } = await makeRequest(agent);
    verify('request', actionId, envelope);
    const [signature] = envelope.signatures;
    const sig = `${signature?.sig.startsWith('A') === true ? 'B' : 'A'}${signature?.sig.slice(1) ?? ''}`;
    const forged = { ...envelope, signatures: [{ keyid: agent.publicKey.keyid, sig }] };
    expect(() => verify('request', newActionId(), envelope)).toThrow(/it is about/);
    expect(() => verify('withdrawal', actionId, envelope)).toThrow(/not a withdrawal/);
    expect(() => verify('request', actionId, forged)).toThrow(/signature_invalid/);
  });

  it('is judged by the keyring in force', async () => {
    const worker = makeKey('worker/1');
    const keyring = { number: 1, keys: [{ ...worker.publicKey, purpose: 'worker' as 'worker' | 'executor' }] };
    const verify = createStatementVerifier({ keyring: () => keyring, agentKey: () => undefined });
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
