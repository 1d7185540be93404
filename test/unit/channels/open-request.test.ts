import { base64 } from '@scure/base';
import { describe, expect, it } from 'vitest';
import { IN_TOTO_PAYLOAD_TYPE, preAuthEncoding, type Envelope } from '../../../src/core/dsse.js';
import { digestOf, sha256Hex } from '../../../src/core/json.js';
import type { Directory } from '../../../src/directory/directory.js';
import { openRequest, type RequestSigners } from '../../../src/operations/admit.js';
import { makeKey, newActionId, type TestKey } from '../../support/signing.js';

const key = makeKey('agent/export-bot');
const intake = makeKey('intake/1');
const directory = {
  agentKey: (id: string) => (id === 'export-bot' ? key.publicKey : undefined),
  signsByIntake: (id: string) => id === 'token-bot',
} as Partial<Directory> as Directory;
const signers: RequestSigners = { directory, intakeKeys: [intake.publicKey] };

const actionId = newActionId();
const body = {
  actionId,
  agent: 'export-bot',
  operation: 'database.export',
  params: { target: 'orders' },
  reason: 'Monthly report',
  requestedAtMs: 1_795_000_000_000,
  expiresAtMs: 1_795_000_600_000,
};

/** Signs exactly this text: also what our own client would never write. */
async function signText(text: string, by: TestKey = key): Promise<Envelope> {
  const payload = new TextEncoder().encode(text);
  const [sig] = await by.signer.sign([preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload)]);
  return {
    payloadType: IN_TOTO_PAYLOAD_TYPE,
    payload: base64.encode(payload),
    signatures: [{ keyid: by.signer.keyid, sig: base64.encode(sig ?? new Uint8Array()) }],
  };
}

function statement(change: { body?: string; digest?: string; name?: string; chain?: string } = {}): string {
  const name = change.name ?? `action/${actionId}`;
  const subject = [{ name, digest: { sha256: change.digest ?? digestOf(body) } }];
  return `{"_type":"https://in-toto.io/Statement/v1","subject":${JSON.stringify(subject)},"predicateType":"https://countersign.dev/request/v1","predicate":{"body":${change.body ?? JSON.stringify(body)},"chain":${change.chain ?? 'null'}}}`;
}

const withParams = (params: string): string => JSON.stringify(body).replace('{"target":"orders"}', params);

describe('openRequest', () => {
  it('gives the request and its digest, whatever the order and spacing of the signed text', async () => {
    const spaced = JSON.stringify(Object.fromEntries(Object.entries(body).reverse()), null, 3);
    const opened = openRequest(await signText(statement({ body: spaced })), signers);
    expect(opened).toMatchObject({ request: body, requestDigest: digestOf(body), agentKey: key.publicKey });
  });

  const odd: [name: string, text: string, field: string | null][] = [
    ['a lone surrogate', statement({ body: JSON.stringify({ ...body, reason: '\ud800' }) }), null],
    [
      'nesting beyond the stack',
      statement({ body: withParams(`{"a":${'['.repeat(40_000)}${']'.repeat(40_000)}}`) }),
      'params',
    ],
    [
      'a key that vanishes when parsed',
      statement({ body: withParams('{"__proto__":{"target":"payroll"}}') }),
      'subject',
    ],
    ['a subject that is another digest', statement({ digest: sha256Hex('another') }), 'subject'],
    ['a subject that is another action', statement({ name: `action/${newActionId()}` }), 'subject'],
    [
      'a chain',
      statement({ chain: `{"process":"gateway","number":1,"previous":"${sha256Hex('')}"}` }),
      'predicate.chain',
    ],
    ['a field of its own', statement({ body: JSON.stringify({ ...body, approved: true }) }), 'approved'],
  ];

  it.each(odd)('refuses %s', async (_name, text, field) => {
    const envelope = await signText(text);
    expect(() => openRequest(envelope, signers)).toThrow(
      expect.objectContaining({ code: 'field_invalid', field }) as Error,
    );
  });

  const ofTokenBot = { ...body, agent: 'token-bot' };
  const statementOfTokenBot = statement({ body: JSON.stringify(ofTokenBot), digest: digestOf(ofTokenBot) });

  it('takes what the gateway signed for an agent without a key', async () => {
    const opened = openRequest(await signText(statementOfTokenBot, intake), signers);
    expect(opened).toMatchObject({ request: ofTokenBot, agentKey: intake.publicKey });
  });

  const forged: [name: string, text: string, by: TestKey, code: string][] = [
    ['of an agent with a key, signed by the gateway', statement(), intake, 'signature_invalid'],
    ['of an agent without a key, signed by another agent', statementOfTokenBot, key, 'signature_invalid'],
    [
      'of an agent without a key, signed under its name',
      statementOfTokenBot,
      makeKey('agent/token-bot'),
      'agent_unknown',
    ],
    [
      'of an agent without a key, by a forged key of the gateway',
      statementOfTokenBot,
      makeKey('intake/1'),
      'signature_invalid',
    ],
    [
      'of an agent without a key, by another key of the gateway',
      statementOfTokenBot,
      makeKey('decision/1'),
      'agent_unknown',
    ],
  ];

  it.each(forged)('refuses a request %s', async (_name, text, by, code) => {
    const envelope = await signText(text, by);
    expect(() => openRequest(envelope, signers)).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('takes nothing that the gateway signed where only agents sign', async () => {
    const envelope = await signText(statementOfTokenBot, intake);
    expect(() => openRequest(envelope, { directory, intakeKeys: [] })).toThrow(
      expect.objectContaining({ code: 'agent_unknown' }) as Error,
    );
  });
});
