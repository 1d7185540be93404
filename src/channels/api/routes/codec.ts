import type { Payload, PayloadCodec } from '@temporalio/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isSealed, readSealed, whyUndecodable } from '../../../codec/sealed-payload.js';
import { actionConcernedBy } from '../../../contracts/workflow-id.js';
import { Refusal } from '../../../core/errors.js';
import { viewAction } from '../../../record/action-view.js';
import type { Record as ActionRecord } from '../../../record/record.js';
import { createRateLimiter, type RateLimiter } from '../../rate-limiter.js';
import { pageOf } from '../codec-readers.js';
import type { SignedInPerson } from '../people.js';
import { requireSight } from '../principals.js';
import { acceptJson } from '../server.js';

export interface CodecRoutesOptions {
  codec: Pick<PayloadCodec, 'decode'>;
  record: Pick<ActionRecord, 'ofActions'>;
  readPerson: (request: FastifyRequest) => Promise<SignedInPerson>;
  /** Temporal's namespace: payloads of another are nobody's here. */
  namespace: string;
  uiOrigins: readonly string[];
  clock: () => number;
}

/** Temporal's UI asks once for each event that it shows. */
const RATE = { burst: 600, perMinute: 600, sources: 1_000 };
const MAX_PAYLOADS = 1_000;
const MAX_ACTIONS = 100;
const PREFLIGHT_SECONDS = '600';

// As protobuf writes payloads in JSON.
const payloadSchema = z.object({
  metadata: z.record(z.string().max(100), z.base64().max(10_000)).default({}),
  data: z.base64().default(''),
});
const bodySchema = z.object({ payloads: z.array(payloadSchema).max(MAX_PAYLOADS).default([]) });

/** Shown instead of what may not be shown, or cannot be. */
const NOTES: Record<string, string> = {
  hidden: 'you may not read this action, or the record does not know it',
  malformed: 'this is no payload of ours',
  key_unknown: 'Vault does not open its key',
  tampered: 'it was changed, or belongs to another workflow',
};

/**
 * A codec server for Temporal's UI and CLI (https://docs.temporal.io/codec-server), which decodes and never encodes. A payload
 * is shown to whoever may read the action that it belongs to; which one that is, its ciphertext is bound to.
 */
export function codecRoutes(scope: FastifyInstance, options: CodecRoutesOptions): void {
  const { codec, record, readPerson, namespace, uiOrigins, clock } = options;
  const limiter = createRateLimiter(RATE, clock);
  const readers = new WeakMap<FastifyRequest, SignedInPerson>();
  acceptJson(scope);
  scope.addHook('onRequest', async (request, reply) => {
    // First, so that a page that is let in learns why it was refused, and no other page learns anything.
    allowPage(reply, pageOf(request, uiOrigins));
    if (request.method === 'OPTIONS') return;
    const reader = await readPerson(request);
    requireRate(limiter, reader);
    requireNamespace(request, namespace);
    readers.set(request, reader);
  });

  // Temporal's protocol, and no part of ours.
  const hidden = { schema: { hide: true } as object };
  for (const path of ['/decode', '/encode'])
    scope.options(path, hidden, async (_request, reply) => reply.code(204).send(null));
  scope.post('/encode', hidden, () => {
    throw new Refusal('forbidden', 'Nothing is encoded here: what enters a workflow comes through the API.');
  });
  scope.post('/decode', hidden, async (request) => {
    const parsed = bodySchema.safeParse(request.body);
    if (!parsed.success)
      throw new Refusal(
        'body_malformed',
        `The body must be payloads in JSON: ${parsed.error.issues[0]?.message ?? ''}`,
      );
    const payloads = parsed.data.payloads.map(readPayload);
    const reader = readers.get(request);
    if (reader === undefined) throw new Error('codecRoutes: nobody is proven');
    // Each key may be a question to Vault; the first is paid for by the request.
    const wrapped = new Set(payloads.flatMap((payload) => readSealed(payload)?.wrapped ?? []));
    for (let paid = 1; paid < wrapped.size; paid += 1) requireRate(limiter, reader);
    const readable = await readableActions(record, reader, payloads);
    request.log.info({ who: `person/${reader.person.id}`, actions: [...readable] }, 'payloads are decoded');
    return {
      payloads: await Promise.all(payloads.map(async (each) => writePayload(await show(codec, each, readable)))),
    };
  });
}

function requireRate(limiter: RateLimiter, { person }: SignedInPerson): void {
  if (!limiter.take(person.id))
    throw new Refusal('quota_exceeded', 'Too many payloads were asked for: try again in a minute.');
}

function allowPage(reply: FastifyReply, page: string | null): void {
  void reply.header('vary', 'Origin');
  if (page === null) return;
  void reply.headers({
    'access-control-allow-origin': page,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'authorization, content-type, x-namespace',
    'access-control-max-age': PREFLIGHT_SECONDS,
  });
}

function requireNamespace({ headers }: FastifyRequest, namespace: string): void {
  if (headers['x-namespace'] !== namespace)
    throw new Refusal('field_invalid', `The header X-Namespace must be ${namespace}.`, 'X-Namespace');
}

/** Those of the payloads' actions that the person may read, by the rule of the API itself. */
async function readableActions(
  record: CodecRoutesOptions['record'],
  reader: SignedInPerson,
  payloads: readonly Payload[],
): Promise<ReadonlySet<string>> {
  const named = payloads.flatMap((payload) => actionConcernedBy(readSealed(payload)?.workflowId ?? '') ?? []);
  const actionIds = [...new Set(named)];
  if (actionIds.length > MAX_ACTIONS)
    throw new Refusal('field_invalid', `Payloads of at most ${String(MAX_ACTIONS)} actions at once.`, 'payloads');
  if (actionIds.length === 0) return new Set();
  const found = await record.ofActions(actionIds);
  const readable = actionIds.filter((_, index) => {
    const statements = found[index];
    if (statements === undefined || statements instanceof Refusal) return false;
    try {
      requireSight({ kind: 'person', ...reader, session: null }, viewAction(statements));
      return true;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  });
  return new Set(readable);
}

/** What belongs to no action (the sweeper's passes, failed workflow tasks) names nobody: every person may read it. */
async function show(
  codec: Pick<PayloadCodec, 'decode'>,
  payload: Payload,
  readable: ReadonlySet<string>,
): Promise<Payload> {
  if (!isSealed(payload)) return payload;
  const actionId = actionConcernedBy(readSealed(payload)?.workflowId ?? '');
  if (actionId !== null && !readable.has(actionId)) return note('hidden');
  // Without a context: it must then belong to the workflow that it names, which is the one that was judged.
  const [decoded = payload] = await codec.decode([payload]);
  const why = whyUndecodable(decoded);
  return why === null ? decoded : note(why);
}

function note(why: string): Payload {
  const text = `[not decoded: ${NOTES[why] ?? why}]`;
  return { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from(JSON.stringify(text)) };
}

function readPayload({ metadata, data }: z.infer<typeof payloadSchema>): Payload {
  const bytes = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')] as const);
  return { metadata: Object.fromEntries(bytes), data: Buffer.from(data, 'base64') };
}

function writePayload({ metadata, data }: Payload): { metadata: Record<string, string>; data: string } {
  const toBase64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
  const texts = Object.entries(metadata ?? {}).map(([name, bytes]) => [name, toBase64(bytes)] as const);
  return { metadata: Object.fromEntries(texts), data: toBase64(data) };
}
