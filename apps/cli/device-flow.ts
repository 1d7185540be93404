import { z } from 'zod';
import { isEncryptedOrLocal } from '../../src/client/base-url.js';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';

/** What the device flow needs of its surroundings. */
export interface DeviceFlowOptions {
  issuer: string;
  clientId: string;
  scope: string;
  /** RFC 8707; the identity provider makes the token for it. */
  resource: string;
  /** Tells the person where to go and what to enter. */
  show(prompt: { verificationUri: string; userCode: string; expiresInSeconds: number }): void;
  pause(ms: number): Promise<void>;
  nowMs(): number;
}

export interface Tokens {
  accessToken: Secret;
  expiresAtMs: number;
}

const CALL_TIMEOUT_MS = 15_000;
// RFC 8628 section 3.5: five seconds where the provider names none, and five more each time it says `slow_down`.
const DEFAULT_INTERVAL_SECONDS = 5;
const SLOW_DOWN_SECONDS = 5;
const DEFAULT_TOKEN_SECONDS = 300;

const discoverySchema = z.object({
  issuer: z.string(),
  device_authorization_endpoint: z.url(),
  token_endpoint: z.url(),
});
const deviceSchema = z.object({
  device_code: z.string().min(1),
  user_code: z.string().min(1).max(100),
  verification_uri: z.url(),
  expires_in: z.number().positive(),
  interval: z.number().positive().optional(),
});
const tokenSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().positive().optional() });
const errorSchema = z.object({ error: z.string(), error_description: z.string().optional() });

/**
 * Signs a person in from a terminal (OAuth 2.0 device authorization grant, RFC 8628).
 * @throws Refusal `unauthenticated` when the person declines or lets the code expire, or the provider refuses the client.
 * @throws ServiceFault `oidc` when the provider cannot be reached or answers something else.
 */
export async function signInByDevice(options: DeviceFlowOptions): Promise<Tokens> {
  const { issuer, clientId, scope, resource } = options;
  requireSafe(issuer, 'The identity provider');
  const discovery = await discover(issuer);
  const asked = await post(discovery.device_authorization_endpoint, { client_id: clientId, scope, resource });
  if (!asked.ok) throw refusalOf(asked.body);
  const device = understand(deviceSchema, asked.body, issuer);
  const expiresAtMs = options.nowMs() + device.expires_in * 1_000;
  options.show({
    verificationUri: device.verification_uri,
    userCode: device.user_code,
    expiresInSeconds: device.expires_in,
  });
  let intervalSeconds = device.interval ?? DEFAULT_INTERVAL_SECONDS;
  const grant = {
    client_id: clientId,
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: device.device_code,
  };
  while (options.nowMs() < expiresAtMs) {
    await options.pause(intervalSeconds * 1_000);
    const answer = await postPatiently(discovery.token_endpoint, grant);
    if (answer === null) continue;
    if (answer.ok) {
      const token = understand(tokenSchema, answer.body, issuer);
      const ttlMs = (token.expires_in ?? DEFAULT_TOKEN_SECONDS) * 1_000;
      return { accessToken: new Secret(token.access_token), expiresAtMs: options.nowMs() + ttlMs };
    }
    const { error } = errorSchema.safeParse(answer.body).data ?? { error: '' };
    if (error === 'slow_down') intervalSeconds += SLOW_DOWN_SECONDS;
    else if (error !== 'authorization_pending') throw refusalOf(answer.body);
  }
  throw new Refusal('unauthenticated', 'The code has expired. Run the command again.');
}

async function discover(issuer: string): Promise<z.infer<typeof discoverySchema>> {
  const { body } = await call(`${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`);
  const discovery = understand(discoverySchema, body, issuer);
  // OpenID Connect Discovery section 4.3: another issuer's metadata is not this one's.
  if (discovery.issuer !== issuer) {
    throw new ServiceFault('oidc', `The identity provider ${issuer} calls itself ${discovery.issuer}.`, false);
  }
  requireSafe(discovery.token_endpoint, "The identity provider's token endpoint");
  requireSafe(discovery.device_authorization_endpoint, "The identity provider's device endpoint");
  return discovery;
}

/** Tokens travel over TLS, or do not leave this machine. */
function requireSafe(address: string, what: string): void {
  if (URL.canParse(address) && isEncryptedOrLocal(new URL(address))) return;
  throw new Refusal('unauthenticated', `${what} must be an https address, but is ${address}.`);
}

interface Answer {
  ok: boolean;
  body: unknown;
}

async function postPatiently(url: string, form: Record<string, string>): Promise<Answer | null> {
  try {
    return await post(url, form);
  } catch (error) {
    if (error instanceof ServiceFault && error.temporary) return null; // asked again after the interval
    throw error;
  }
}

async function post(url: string, form: Record<string, string>): Promise<Answer> {
  return call(url, { method: 'POST', body: new URLSearchParams(form) });
}

async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  try {
    const answer = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    if (answer.status >= 500) throw new Error(`it answered ${String(answer.status)}`);
    return { ok: answer.ok, body: await answer.json() };
  } catch (error) {
    const { origin } = new URL(url);
    throw new ServiceFault('oidc', `The identity provider ${origin} does not answer as one.`, true, { cause: error });
  }
}

function understand<T>(schema: z.ZodType<T>, body: unknown, issuer: string): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
  const message = `The identity provider ${issuer} does not offer the device flow as RFC 8628 describes it (${fields}).`;
  throw new ServiceFault('oidc', message, false);
}

function refusalOf(body: unknown): Refusal {
  const { error, error_description: description } = errorSchema.safeParse(body).data ?? { error: 'unknown answer' };
  if (error === 'access_denied') return new Refusal('unauthenticated', 'The sign-in was declined.');
  if (error === 'expired_token') return new Refusal('unauthenticated', 'The code has expired. Run the command again.');
  return new Refusal('unauthenticated', `The identity provider refused the sign-in: ${description ?? error}.`);
}
