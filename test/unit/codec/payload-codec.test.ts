import { createHash } from 'node:crypto';
import { defaultPayloadConverter, type Payload, type SerializationContext } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDataKeyRing, type DataKeyRing } from '../../../src/codec/data-key-ring.js';
import { decodeHistory } from '../../../src/codec/decode-history.js';
import { createPayloadCodec } from '../../../src/codec/payload-codec.js';
import { whyUndecodable } from '../../../src/codec/sealed-payload.js';
import { createWrapping, type Wrapping } from './wrapping.js';

const WORKFLOW = 'action/01JDHE0000000000000000000A';
const OTHER = 'action/01JDHE0000000000000000000B';
const VALUE = { query: 'select name from customers', people: ['Ada Lovelace'] };

const contextOf = (workflowId: string): SerializationContext => ({ type: 'workflow', namespace: 'n', workflowId });

let wrapping: Wrapping;
let ring: DataKeyRing;

beforeEach(() => {
  wrapping = createWrapping();
  ring = createDataKeyRing({ keys: wrapping, clock: Date.now, renewAfterMs: 3_600_000 });
});

const codec = (encrypts = true) => createPayloadCodec({ ring, encrypts });

async function seal(value: unknown = VALUE, workflowId = WORKFLOW): Promise<Payload> {
  const [sealed] = await codec().encode([defaultPayloadConverter.toPayload(value)], contextOf(workflowId));
  if (sealed === undefined) throw new Error('nothing came back');
  return sealed;
}

async function open(payload: Payload, context: SerializationContext | undefined = contextOf(WORKFLOW)) {
  const [opened] = await codec().decode([payload], context);
  if (opened === undefined) throw new Error('nothing came back');
  return { value: defaultPayloadConverter.fromPayload<unknown>(opened), why: whyUndecodable(opened) };
}

const textOf = ({ metadata }: Payload, name: string): string => Buffer.from(metadata?.[name] ?? []).toString();
const withMetadata = (payload: Payload, change: Record<string, string>): Payload => ({
  ...payload,
  metadata: {
    ...payload.metadata,
    ...Object.fromEntries(Object.entries(change).map(([name, text]) => [name, Buffer.from(text)])),
  },
});

describe('a payload', () => {
  it('comes back as it was, and shows nothing but whose it is in between', async () => {
    const sealed = await seal();
    expect(await open(sealed)).toEqual({ value: VALUE, why: null });
    const raw = JSON.stringify(temporal.api.common.v1.Payload.toObject(temporal.api.common.v1.Payload.create(sealed)));
    const texts = [raw, ...Object.values(sealed.metadata ?? {}).map((bytes) => Buffer.from(bytes).toString('latin1'))];
    for (const text of [...texts, Buffer.from(sealed.data ?? []).toString('latin1')])
      expect(text).not.toMatch(/select|Ada|json/);
  });

  it('is sealed anew each time', async () => {
    expect((await seal()).data).not.toEqual((await seal()).data);
  });

  it.each([
    ['an activity of its workflow', { type: 'activity', namespace: 'n', workflowId: WORKFLOW, isLocal: false }],
    ['nobody who says', undefined],
  ] as [string, SerializationContext | undefined][])('is opened for %s', async (_, context) => {
    const [opened] = await codec().decode([await seal()], context);
    expect(defaultPayloadConverter.fromPayload(opened ?? {})).toEqual(VALUE);
  });

  it('of plain bytes passes: an agent with a client of its own starts with one', async () => {
    const plain = defaultPayloadConverter.toPayload(VALUE);
    expect(await codec().decode([plain], contextOf(WORKFLOW))).toEqual([plain]);
  });

  it('stays plain while encryption is off; what was encrypted before is still read', async () => {
    const plain = defaultPayloadConverter.toPayload(VALUE);
    const sealed = await seal();
    expect(await codec(false).encode([plain], contextOf(WORKFLOW))).toEqual([plain]);
    const [opened] = await codec(false).decode([sealed], contextOf(WORKFLOW));
    expect(defaultPayloadConverter.fromPayload(opened ?? {})).toEqual(VALUE);
  });

  it('without content is not encrypted', async () => {
    const nothing = defaultPayloadConverter.toPayload(undefined);
    expect(await codec().encode([nothing], contextOf(WORKFLOW))).toEqual([nothing]);
    expect(wrapping.asked).toEqual({ make: 0, unwrap: 0 });
  });
});

describe('what cannot be opened is read as nothing, and never throws', () => {
  const cases: [string, string, (sealed: Payload) => Payload | Promise<Payload>][] = [
    ['of another workflow', 'other_workflow', () => seal(VALUE, OTHER)],
    ['of no workflow', 'other_workflow', () => seal(VALUE, '')],
    [
      'of another workflow, renamed',
      'tampered',
      async () => withMetadata(await seal(VALUE, OTHER), { 'encryption-workflow': WORKFLOW }),
    ],
    ['without a key', 'malformed', (sealed) => withMetadata(sealed, { 'encryption-key': '' })],
    [
      'with a key of nobody',
      'key_unknown',
      (sealed) => withMetadata(sealed, { 'encryption-key': 'vault:v1:bm90aGluZw==' }),
    ],
    [
      'with its key under another number',
      'malformed',
      (sealed) =>
        withMetadata(sealed, { 'encryption-key': textOf(sealed, 'encryption-key').replace('vault:v1:', 'vault:v01:') }),
    ],
    ['with a path for a key', 'malformed', (sealed) => withMetadata(sealed, { 'encryption-key': '../../sys/seal' })],
    [
      'with a key of 1 MB',
      'malformed',
      (sealed) => withMetadata(sealed, { 'encryption-key': `vault:v1:${'A'.repeat(1_000_000)}` }),
    ],
    ['of another cipher', 'malformed', (sealed) => withMetadata(sealed, { 'encryption-cipher': 'none' })],
    [
      'with a workflow of 2,000 bytes',
      'malformed',
      (sealed) => withMetadata(sealed, { 'encryption-workflow': 'a'.repeat(2_000) }),
    ],
    [
      'of somebody else’s codec',
      'malformed',
      () => ({ metadata: { encoding: Buffer.from('binary/encrypted') }, data: Buffer.from('x') }),
    ],
    ['without data', 'malformed', ({ metadata = null }) => ({ metadata })],
    ['cut short', 'tampered', ({ data, ...rest }) => ({ ...rest, data: (data ?? Buffer.alloc(0)).subarray(0, -1) })],
    [
      'cut to its tag',
      'malformed',
      ({ data, ...rest }) => ({ ...rest, data: (data ?? Buffer.alloc(0)).subarray(-16) }),
    ],
  ];

  it.each(cases)('%s', async (_, why, forge) => {
    expect(await open(await forge(await seal()))).toEqual({ value: undefined, why });
  });

  it('with any byte of it changed', async () => {
    const sealed = await seal();
    const data = Buffer.from(sealed.data ?? []);
    for (let at = 0; at < data.length; at += 1) {
      const changed = Buffer.from(data);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect((await open({ ...sealed, data: changed })).why, `byte ${String(at)}`).toBe('tampered');
    }
  });

  it('with metadata and data of any bytes', async () => {
    const names = ['encryption-cipher', 'encryption-key', 'encryption-workflow', 'x', '__proto__'];
    for (let round = 0; round < 300; round += 1) {
      const bytesOf = (what: string): Uint8Array => {
        const bytes = createHash('sha512')
          .update(`${String(round)} ${what}`)
          .digest();
        return bytes.subarray(0, (bytes[0] ?? 0) % 64);
      };
      const some = names.filter((name) => (bytesOf(`whether ${name}`)[1] ?? 0) % 2 === 0);
      const metadata = Object.fromEntries(some.map((name) => [name, bytesOf(name)]));
      const payload = { metadata: { ...metadata, encoding: Buffer.from('binary/encrypted') }, data: bytesOf('data') };
      expect((await open(payload)).value, `round ${String(round)}`).toBeUndefined();
    }
  });

  it('but a key that is not known while Vault is away is no bad data: that throws, and is tried again', async () => {
    const sealed = await seal();
    wrapping.isAway = true;
    ring = createDataKeyRing({ keys: wrapping, clock: Date.now, renewAfterMs: 3_600_000 });
    await expect(codec().decode([sealed], contextOf(WORKFLOW))).rejects.toMatchObject({
      service: 'vault',
      temporary: true,
    });
    wrapping.isAway = false;
    expect((await open(sealed)).value).toEqual(VALUE);
  });
});

describe('a history', () => {
  it('is decoded in all its payloads, and nothing else of it changes', async () => {
    const summary = await seal('Export for Ada');
    const history = temporal.api.history.v1.History.create({
      events: [
        {
          eventId: temporal.api.history.v1.HistoryEvent.fromObject({ eventId: 1 }).eventId,
          workflowExecutionStartedEventAttributes: {
            workflowId: WORKFLOW,
            input: { payloads: [await seal(), defaultPayloadConverter.toPayload('plain')] },
            searchAttributes: { indexedFields: { State: defaultPayloadConverter.toPayload('waiting') } },
          },
          userMetadata: { summary },
        },
        { workflowExecutionSignaledEventAttributes: { input: { payloads: [await seal(VALUE, OTHER)] } } },
      ],
    });
    const before = JSON.stringify(history);
    const decoded = await decodeHistory(codec(), { namespace: 'n', workflowId: WORKFLOW, history });
    expect(JSON.stringify(history)).toBe(before);
    expect(decoded.undecodable).toBe(1);
    const [started, signalled] = decoded.history.events ?? [];
    const { input, searchAttributes } = started?.workflowExecutionStartedEventAttributes ?? {};
    expect(String(started?.eventId)).toBe('1');
    expect(input?.payloads?.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual([VALUE, 'plain']);
    expect(defaultPayloadConverter.fromPayload(searchAttributes?.indexedFields?.['State'] ?? {})).toBe('waiting');
    expect(defaultPayloadConverter.fromPayload(started?.userMetadata?.summary ?? {})).toBe('Export for Ada');
    const [foreign = {}] = signalled?.workflowExecutionSignaledEventAttributes?.input?.payloads ?? [];
    expect(whyUndecodable(foreign)).toBe('other_workflow');
    // It is JSON of protobuf, as it was.
    const read = temporal.api.history.v1.History.fromObject(JSON.parse(JSON.stringify(decoded.history)) as object);
    expect(read.events).toHaveLength(2);
  });
});
