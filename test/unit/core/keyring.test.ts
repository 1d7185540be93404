import { describe, expect, test } from 'vitest';
import { seal, type Envelope } from '../../../src/core/dsse.js';
import {
  createKeyringReader,
  KEY_PURPOSES,
  keysFor,
  openKeyring,
  sealKeyring,
  SIGNERS_OF,
  type Keyring,
} from '../../../src/core/keyring.js';
import { statementBodySchemas, type StatementKind } from '../../../src/core/schemas/statements.js';
import { makeKey } from '../../support/signing.js';

const root = makeKey('root');
const keyring: Keyring = {
  number: 1,
  keys: KEY_PURPOSES.flatMap((purpose) =>
    [1, 2].map((version) => ({ ...makeKey(`${purpose}/${String(version)}`).publicKey, purpose })),
  ),
};
const sealed = await sealKeyring(keyring, root.signer);

async function sealedAs(value: unknown): Promise<Envelope> {
  const [envelope] = await seal([value], root.signer);
  if (envelope === undefined) throw new Error('nothing was sealed');
  return envelope;
}

const BY_OTHERS: [string, unknown][] = [
  ['sealed by another key', await sealKeyring(keyring, makeKey('root').signer)],
  ['sealed by one of its own keys', await sealKeyring(keyring, makeKey('worker/1').signer)],
  ['with a key exchanged', { ...sealed, payload: (await sealedAs({ ...keyring, number: 2 })).payload }],
  ['not sealed', keyring],
  ['that is not there', null],
];
const MALFORMED: [string, unknown][] = [
  ['without a number', await sealedAs({ keys: keyring.keys })],
  ['with a field that nobody knows', await sealedAs({ ...keyring, trust: 'me' })],
  [
    'with a key for a purpose that nobody knows',
    await sealedAs({ ...keyring, keys: [{ ...keyring.keys[0], purpose: 'agent' }] }),
  ],
  ['with a key without bytes', await sealedAs({ ...keyring, keys: [{ keyid: 'worker/1', purpose: 'worker' }] })],
];

describe('a keyring', () => {
  test('opens under the root that sealed it', () => {
    expect(openKeyring(sealed, root.publicKey)).toEqual(keyring);
  });

  test.each([
    ...BY_OTHERS.map((one) => [...one, 'is not signed by the root key'] as const),
    ...MALFORMED.map((one) => [...one, 'is malformed'] as const),
  ])('%s is refused', (_, envelope, why) => {
    const refusal = { code: 'statement_invalid', message: expect.stringContaining(why) as string };
    expect(() => openKeyring(envelope, root.publicKey)).toThrow(expect.objectContaining(refusal));
  });
});

describe('the keyrings that a process reads one after the other', () => {
  const numbered = (number: number) => sealKeyring({ ...keyring, number }, root.signer);

  test.each<[string, number[], boolean]>([
    ['the first, whatever its number', [7], true],
    ['the same again', [7, 7], true],
    ['a newer one', [7, 8], true],
    ['an older one', [7, 6], false],
    ['an older one after two newer', [1, 3, 2], false],
  ])('%s', async (_, numbers, opens) => {
    const read = createKeyringReader(root.publicKey);
    const envelopes = await Promise.all(numbers.map(numbered));
    for (const envelope of envelopes.slice(0, -1)) read(envelope);
    const last = () => read(envelopes.at(-1)).number;
    if (opens) expect(last()).toBe(numbers.at(-1));
    else expect(last).toThrow(expect.objectContaining({ code: 'statement_invalid' }));
  });

  test('one that does not open leaves the one in force', async () => {
    const read = createKeyringReader(root.publicKey);
    read(await numbered(2));
    expect(() => read(keyring)).toThrow('is not signed by the root key');
    expect(read(await numbered(2)).number).toBe(2);
  });
});

describe('who may sign what', () => {
  test.each<[StatementKind, string[]]>([
    // Beside the agents' own keys, and for agents without one only: see verify-statement.test.ts.
    ['request', ['intake']],
    ['withdrawal', ['intake']],
    ['provenance', ['intake']],
    ['preview', ['worker']],
    ['plan', ['worker']],
    ['escalation', ['worker']],
    ['decision', ['decision']],
    ['claim', ['executor']],
    ['effect', ['executor']],
    ['result', ['executor']],
    ['incident', ['decision', 'worker', 'executor']],
    ['retrospective', ['decision']],
    ['receipt', ['receipt']],
    ['fetch', ['intake']],
    ['refusal', ['intake', 'worker', 'executor', 'receipt']],
    ['lease', ['worker', 'executor', 'receipt']],
    ['credential', ['worker', 'executor', 'receipt']],
    ['revocation', ['receipt']],
    ['adoption', ['intake', 'worker', 'executor', 'receipt']],
  ])('%s: all versions of the keys of %j, and no other', (kind, purposes) => {
    expect(keysFor(keyring, kind).map(({ keyid }) => keyid)).toEqual(
      purposes.flatMap((purpose) => [`${purpose}/1`, `${purpose}/2`]),
    );
  });

  test('is said of every kind of statement', () => {
    expect(Object.keys(SIGNERS_OF).sort()).toEqual(Object.keys(statementBodySchemas).sort());
    expect(Object.values(SIGNERS_OF).every((purposes) => purposes.length > 0)).toBe(true);
  });
});
