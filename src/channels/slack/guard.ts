import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../core/secret.js';
import { readCommand, readInteraction, type Interaction } from './interaction.js';

/** Limits of what Slack may send us. */
export const GUARD_LIMITS = {
  bodyBytes: 65_536,
  /** How far Slack's timestamp may be from our clock, either way (https://docs.slack.dev/authentication/verifying-requests-from-slack). */
  clockSkewSeconds: 300,
  /** Twice the skew: a request stamped ahead of our clock stays acceptable that long. */
  replayMemoryMs: 600_000,
  /** Signed requests remembered at once; more in ten minutes are turned away. */
  rememberedSignatures: 50_000,
} as const;

/** Why a request was turned away before anything of it was believed. */
export type GuardFault =
  | 'body_too_large'
  | 'header_missing'
  | 'header_repeated'
  | 'timestamp_malformed'
  | 'timestamp_out_of_range'
  | 'signature_malformed'
  | 'signature_invalid'
  | 'replayed'
  | 'too_many_requests'
  | 'content_type_unsupported'
  | 'body_not_utf8'
  | 'payload_missing'
  | 'payload_repeated'
  | 'payload_malformed'
  | 'team_not_allowed'
  | 'app_not_allowed';

export type Admission = { ok: true; interaction: Interaction } | { ok: false; fault: GuardFault };

/** A request as it came over the wire. */
export interface RawRequest {
  /** Name, value, name, value …, as Node's `rawHeaders`: repeated headers stay apart. */
  rawHeaders: readonly string[];
  body: Uint8Array;
}

export interface GuardOptions {
  signingSecret: Secret;
  /** The one workspace and app whose requests count. */
  teamId: string;
  appId: string;
  clock: () => number;
  /** Default `GUARD_LIMITS.rememberedSignatures`. */
  rememberedSignatures?: number;
}

/** Judges requests that claim to come from Slack. Nothing behind it sees a request that it did not admit. */
export interface SlackGuard {
  admit(request: RawRequest): Admission;
  /** The same for a slash command, whose fields are the form itself. */
  admitCommand(request: RawRequest): Admission;
}

/** A guard with a replay memory of its own: make one per process. */
export function createSlackGuard(options: GuardOptions): SlackGuard {
  const memory = createReplayMemory(options.rememberedSignatures);
  const readForm = (request: RawRequest): Fault | Form => {
    const nowMs = options.clock();
    const signed = verifySignature(request, options.signingSecret, nowMs);
    if (!signed.ok) return signed;
    const remembered = memory.remember(signed.signature, nowMs);
    return remembered === 'new' ? parseForm(request) : refuse(remembered);
  };
  return {
    admit(request) {
      const form = readForm(request);
      if (!form.ok) return form;
      const [text, ...more] = form.fields.getAll('payload');
      if (text === undefined) return refuse('payload_missing');
      return more.length > 0 ? refuse('payload_repeated') : readInteraction(text, options);
    },
    admitCommand(request) {
      const form = readForm(request);
      if (!form.ok) return form;
      const names = [...form.fields.keys()];
      if (new Set(names).size !== names.length) return refuse('payload_repeated');
      return readCommand(Object.fromEntries(form.fields), options);
    },
  };
}

type Form = { ok: true; fields: URLSearchParams };

type Fault = { ok: false; fault: GuardFault };

/** Size, headers, timestamp and HMAC: whether the bytes are Slack's, and fresh. */
export function verifySignature(
  request: RawRequest,
  secret: Secret,
  nowMs: number,
): Fault | { ok: true; signature: string } {
  if (request.body.byteLength > GUARD_LIMITS.bodyBytes) return refuse('body_too_large');
  const timestamps = headerValues(request, 'x-slack-request-timestamp');
  const signatures = headerValues(request, 'x-slack-signature');
  const [timestamp] = timestamps;
  const [signature] = signatures;
  if (timestamp === undefined || signature === undefined) return refuse('header_missing');
  if (timestamps.length > 1 || signatures.length > 1) return refuse('header_repeated');
  if (!/^[1-9][0-9]{0,11}$/.test(timestamp)) return refuse('timestamp_malformed');
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > GUARD_LIMITS.clockSkewSeconds)
    return refuse('timestamp_out_of_range');
  if (!/^v0=[0-9a-f]{64}$/.test(signature)) return refuse('signature_malformed');
  const expected = createHmac('sha256', secret.reveal()).update(`v0:${timestamp}:`).update(request.body).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature.slice(3), 'hex'))) return refuse('signature_invalid');
  return { ok: true, signature };
}

function parseForm(request: RawRequest): Fault | Form {
  const types = headerValues(request, 'content-type');
  if (types.length > 1) return refuse('header_repeated');
  if (!/^application\/x-www-form-urlencoded(;\s*charset=utf-8)?$/i.test(types[0]?.trim() ?? '')) {
    return refuse('content_type_unsupported');
  }
  try {
    return { ok: true, fields: new URLSearchParams(new TextDecoder('utf-8', { fatal: true }).decode(request.body)) };
  } catch {
    return refuse('body_not_utf8');
  }
}

function headerValues({ rawHeaders }: RawRequest, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}

function refuse(fault: GuardFault): Fault {
  return { ok: false, fault };
}

/** What was received before, for ten minutes. */
export interface ReplayMemory {
  remember(name: string, nowMs: number): 'new' | 'replayed' | 'too_many_requests';
}

export function createReplayMemory(capacity: number = GUARD_LIMITS.rememberedSignatures): ReplayMemory {
  // Insertion order is order of time, so the oldest are always first.
  const seenAtMs = new Map<string, number>();
  return {
    remember(name, nowMs) {
      for (const [old, atMs] of seenAtMs) {
        if (nowMs - atMs <= GUARD_LIMITS.replayMemoryMs) break;
        seenAtMs.delete(old);
      }
      if (seenAtMs.has(name)) return 'replayed';
      // Forgetting an unexpired one would let it be replayed; only Slack itself can fill this.
      if (seenAtMs.size >= capacity) return 'too_many_requests';
      seenAtMs.set(name, nowMs);
      return 'new';
    },
  };
}
