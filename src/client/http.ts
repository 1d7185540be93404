import { z } from 'zod';
import { isRefusalCode, Refusal, ServiceFault, type RefusalCode } from '../core/errors.js';
import { normaliseBaseUrl, type BaseUrlOptions } from './base-url.js';

/** One call to the gateway's HTTP API. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT';
  /** Below `/v1`, e.g. `/actions`. */
  path: string;
  /** The path is not below `/v1`: the ledger lies where its format has it. */
  atRoot?: true;
  query?: Record<string, string | undefined>;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as they are, in place of `body`. */
  bytes?: Uint8Array;
  /** How long the answer may take to begin. Default: 15 s. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface GatewayHttpOptions extends BaseUrlOptions {
  /** E.g. `https://countersign.example.com`; without `/v1`. */
  baseUrl: string;
  /** The `Authorization` header of a request; null sends none. */
  authorize(request: { method: string; url: string }): Promise<string | null>;
}

/** Calls the gateway and turns its problems into errors. */
export interface GatewayHttp {
  baseUrl: string;
  /**
   * @throws Refusal with the gateway's code when it says no.
   * @throws ServiceFault `gateway` when it cannot be reached, is not able to answer, or answers what the schema does not know.
   */
  json<T>(call: Call, schema: z.ZodType<T>): Promise<T>;
  /** The same for an answer that is text. */
  text(call: Call): Promise<string>;
  /** The same for an answer that is read as a stream. */
  stream(call: Call): Promise<ReadableStream<Uint8Array>>;
}

const DEFAULT_TIMEOUT_MS = 15_000;
/** A gateway's JSON answers are far smaller; a larger one is not ours. */
const ANSWER_LIMIT_BYTES = 32 * 1024 * 1024;

// RFC 9457, with our two members.
const problemSchema = z.object({
  code: z.string().optional(),
  field: z.string().nullish(),
  detail: z.string().optional(),
  title: z.string().optional(),
});

/** @throws Refusal as `normaliseBaseUrl` does. */
export function createGatewayHttp(options: GatewayHttpOptions): GatewayHttp {
  const base = normaliseBaseUrl(options.baseUrl, options);

  const send = async (call: Call): Promise<Response> => {
    const url = new URL(`${base}${call.atRoot === true ? '' : '/v1'}${call.path}`);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const sent = call.bytes ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    const authorization = await options.authorize({ method: call.method, url: url.href });
    const deadline = AbortSignal.timeout(call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const signal = call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]);
    const answer = await reach(base, call.signal, () =>
      fetch(url, {
        method: call.method,
        // A redirect would carry the token to whoever it names.
        redirect: 'error',
        headers: {
          accept: 'application/json, application/problem+json',
          ...(sent === undefined
            ? {}
            : { 'content-type': call.bytes ? 'application/octet-stream' : 'application/json' }),
          ...(authorization === null ? {} : { authorization }),
          ...call.headers,
        },
        ...(sent === undefined ? {} : { body: sent }),
        signal,
      }),
    );
    if (!answer.ok) throw await toError(base, answer, call.signal);
    return answer;
  };

  return {
    baseUrl: base,
    json: async (call, schema) => {
      const answer = await send(call);
      const parsed = schema.safeParse(parseJson(await reach(base, call.signal, () => readLimited(answer))));
      if (parsed.success) return parsed.data;
      const message = `${base} answered ${call.method} ${call.path} with something this client does not know: ${z.prettifyError(parsed.error)}`;
      throw new ServiceFault('gateway', message, false);
    },
    text: async (call) => {
      const answer = await send(call);
      return reach(base, call.signal, () => readLimited(answer));
    },
    stream: async (call) => {
      const { body } = await send(call);
      if (body === null) throw new ServiceFault('gateway', `${base} answered ${call.path} without a body.`, false);
      return body;
    },
  };
}

// Only what the caller itself aborted leaves as it is; all else means that the gateway was not there.
async function reach<T>(base: string, callerSignal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ServiceFault) throw error;
    callerSignal?.throwIfAborted();
    throw new ServiceFault('gateway', `The gateway at ${base} cannot be reached (${reasonOf(error)}).`, true, {
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { cause } = error;
  if (cause instanceof Error) return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  return error.message;
}

async function toError(
  base: string,
  answer: Response,
  signal: AbortSignal | undefined,
): Promise<Refusal | ServiceFault> {
  const body = parseJson(await reach(base, signal, () => readLimited(answer)));
  const problem = problemSchema.safeParse(body).data ?? {};
  const detail = problem.detail ?? problem.title ?? `The gateway answered ${String(answer.status)}.`;
  // Also at 500: a tampered record stays tampered however often it is asked for.
  const code = isRefusalCode(problem.code) ? problem.code : codeOfStatus(answer.status);
  if (code === undefined && answer.status >= 500) return new ServiceFault('gateway', detail, true);
  if (code === undefined) return new ServiceFault('gateway', detail, false);
  return new Refusal(code, detail, problem.field ?? null);
}

// For answers that a proxy in between made up.
function codeOfStatus(status: number): RefusalCode | undefined {
  const codes: Record<number, RefusalCode> = {
    401: 'unauthenticated',
    403: 'forbidden',
    404: 'not_found',
    413: 'body_too_large',
    429: 'quota_exceeded',
  };
  return codes[status];
}

async function readLimited(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  if (answer.body === null) return text;
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES)
      throw new ServiceFault('gateway', 'The gateway answered with more than 32 MiB.', false);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the schema then says what was expected
  }
}
