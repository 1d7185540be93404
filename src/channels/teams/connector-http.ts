import { z } from 'zod';
import { isAllowedUrl } from './gate.js';
import { TeamsFault } from './teams-api.js';

/** The part of the SDK's request that we need. */
interface SdkRequest {
  url: string;
  method: string;
  body?: unknown;
  headers: { toJson(options?: { preserveCase?: boolean }): Record<string, string> };
}

/** And of the answer that the SDK needs. */
interface SdkResponse<Request> {
  request: Request;
  status: number;
  headers: { toJson(): Record<string, string> };
  bodyAsText: string;
}

/** An HTTP client for the SDK. */
export interface ConnectorHttp {
  sendRequest<Request extends SdkRequest>(request: Request): Promise<SdkResponse<Request>>;
}

const TIMEOUT_MS = 10_000;

/** Failures before anything was sent. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * HTTP to the Bot Connector in place of the SDK's own, which retries by itself (a post is not idempotent), follows redirects with
 * the token, and puts requests into its errors.
 * @param serviceUrls the only places that the bot's token is sent to.
 * Rejects with TeamsFault for everything but success.
 */
export function createConnectorHttp(serviceUrls: readonly string[]): ConnectorHttp {
  return {
    async sendRequest(request) {
      const { url, method, headers, body } = request;
      if (!isAllowedUrl(url, serviceUrls))
        throw new TeamsFault('refused', 'The address of the conversation is not on the list of service URLs.', {
          status: 403,
        });
      const answer = await ask(url, {
        method,
        headers: headers.toJson(),
        ...(typeof body === 'string' && { body }),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const type = { 'content-type': answer.type };
      return { request, status: answer.status, headers: { toJson: () => type }, bodyAsText: answer.text };
    },
  };
}

async function ask(url: string, init: RequestInit): Promise<{ status: number; type: string; text: string }> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, init);
    text = await answer.text();
  } catch (error) {
    const code = codeOf(error);
    if (NOT_SENT.has(code)) throw new TeamsFault('refused', `Teams cannot be reached (${code}).`);
    throw new TeamsFault('unclear', 'Teams gave no answer.');
  }
  if (!answer.ok) throw faultOf(answer, text);
  return { status: answer.status, type: answer.headers.get('content-type') ?? 'application/json', text };
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

const errorSchema = z.looseObject({ error: z.looseObject({ code: z.string().regex(/^[A-Za-z]{1,60}$/) }) });

// What Teams says besides its code is not taken over: it may hold parts of the request.
function faultOf({ status, headers }: Response, text: string): TeamsFault {
  const parsed = errorSchema.safeParse(parseJson(text));
  const code = parsed.success ? parsed.data.error.code : '';
  const message = `Teams answered with HTTP status ${String(status)}${code === '' ? '' : ` (${code})`}.`;
  if (status === 429) {
    const seconds = Number(headers.get('retry-after'));
    const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
    return new TeamsFault('rate_limited', message, { status, code, retryAfterMs });
  }
  // 4xx was turned away at the door; 5xx may have come after the work was done.
  return new TeamsFault(status < 500 ? 'refused' : 'unclear', message, { status, code });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
