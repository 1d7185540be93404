import { request as sendHttp, type IncomingMessage } from 'node:http';
import { request as sendHttps } from 'node:https';
import type { JsonObject } from '../../core/json.js';
import { SinkFault } from '../sink.js';

const TIMEOUT_MS = 30_000;
const ANSWER_BYTES = 65_536;
const LONGEST_WAIT_MS = 600_000;

export interface HttpTarget {
  url: URL;
  headers: Readonly<Record<string, string>>;
  /** Authorities and our own certificate, PEM; absent: those that Node.js knows, and none. */
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
}

export interface HttpAnswer {
  status: number;
  /** The body, where it is a JSON object; empty otherwise. */
  body: JsonObject;
  /** `Retry-After`, ten minutes at most; null where there is none. */
  retryAfterMs: number | null;
}

/**
 * Posts to a receiver. A redirect is an answer like any other: it is not followed, for it could lead a token elsewhere.
 * @throws SinkFault when no whole answer came in time.
 */
export async function post({ url, headers, ...tls }: HttpTarget, body: string): Promise<HttpAnswer> {
  const bytes = Buffer.from(body);
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await new Promise<HttpAnswer>((resolve, reject) => {
      const send = url.protocol === 'https:' ? sendHttps : sendHttp;
      const options = {
        method: 'POST',
        headers: { 'user-agent': 'Countersign', ...headers, 'content-length': String(bytes.length) },
        signal,
        minVersion: 'TLSv1.2' as const,
        // One at a time, and rarely: a kept connection would be half dead as often as not.
        agent: false as const,
        ...tls,
      };
      const outgoing = send(url, options, (answer) => {
        read(answer).then(resolve, reject);
      });
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  } catch (error) {
    if (error instanceof SinkFault) throw error;
    // Without its cause: it may name the address with all that is in it.
    throw new SinkFault(`${url.host} cannot be reached (${signal.aborted ? 'no answer in time' : codeOf(error)}).`);
  }
}

async function read(answer: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > ANSWER_BYTES) throw new SinkFault('The answer of the receiver is longer than 64 KiB.');
  }
  return {
    status: answer.statusCode ?? 0,
    body: objectIn(Buffer.concat(chunks).toString()),
    retryAfterMs: retryAfter(answer.headers['retry-after']),
  };
}

function objectIn(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
  } catch {
    return {};
  }
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(header: string | undefined): number | null {
  if (header === undefined) return null;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), LONGEST_WAIT_MS) : null;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'failed';
}
