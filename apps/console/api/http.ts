import { visibleText } from '../../../src/core/visible-text.js';
import { noteServerTime } from '../time/clock.js';

/** What went wrong, in words for people. */
export class Trouble extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The gateway's own code, e.g. `already_decided`; `offline` when no answer came. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether the same may do better in a moment. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export interface CallOptions {
  method?: 'GET' | 'POST';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const TIMEOUT_MS = 20_000;

/** Asks the gateway. @throws Trouble, or the signal's reason when the caller gave up. */
export async function callJson<T>(path: string, options: CallOptions = {}): Promise<T> {
  return makeVisible(JSON.parse(await readBody(await call(path, options), options))) as T;
}

export async function callText(path: string, options: CallOptions = {}): Promise<string> {
  return visibleText(await readBody(await call(path, options), options));
}

async function readBody(answer: Response, { signal }: CallOptions): Promise<string> {
  try {
    return await answer.text();
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Trouble(0, 'offline', 'The gateway’s answer broke off.');
  }
}

export async function call(path: string, { method = 'GET', body, headers, signal }: CallOptions): Promise<Response> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { accept: 'application/json', ...(body === undefined ? {} : JSON_BODY), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Trouble(0, 'offline', 'The gateway cannot be reached.');
  }
  noteServerTime(answer.headers.get('date'));
  if (!answer.ok) throw await troubleOf(answer);
  return answer;
}

const JSON_BODY = { 'content-type': 'application/json' };

async function troubleOf(answer: Response): Promise<Trouble> {
  const problem = (await answer.json().catch(() => null)) as { code?: unknown; detail?: unknown } | null;
  const code = typeof problem?.code === 'string' ? problem.code : 'internal';
  const detail = typeof problem?.detail === 'string' ? problem.detail : `The gateway answered ${answer.status}.`;
  return new Trouble(answer.status, code, visibleText(detail));
}

/** All text that comes in, made safe to show in this one place: no part of a page can forget it. */
export function makeVisible(value: unknown): unknown {
  if (typeof value === 'string') return visibleText(value);
  if (Array.isArray(value)) return value.map(makeVisible);
  if (typeof value !== 'object' || value === null) return value;
  const shown = new Map<string, unknown>();
  for (const [name, held] of Object.entries(value)) {
    let visible = visibleText(name);
    // Two names may look alike once they are visible: neither may hide the other.
    while (shown.has(visible)) visible += '⟨again⟩';
    shown.set(visible, makeVisible(held));
  }
  return Object.fromEntries(shown);
}
