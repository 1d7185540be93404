import { createHash, randomBytes } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { ServiceFault } from '../../../core/errors.js';
import type { SignInProof } from '../../../core/schemas/statements.js';
import { unauthenticated, type OidcIssuer } from '../oidc-issuer.js';
import { isEqual } from './own-pages.js';
import { SESSION_SECONDS } from './sessions.js';

export interface SignInOptions {
  issuer: OidcIssuer;
  clientId: string;
  redirectUri: string;
  /** Asked for by a fresh sign-in. */
  acrValues: readonly string[];
  clock: () => number;
}

/** What a sign-in under way must remember, in a sealed cookie. */
export const signInStateSchema = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
  begunAtMs: z.int(),
  /** Whether the person must prove anew who they are. */
  isFresh: z.boolean(),
});
export type SignInState = z.infer<typeof signInStateSchema>;

/** Signs a browser in: OpenID Connect's code flow with PKCE (RFC 7636), as a public client. */
export interface SignIn {
  begin(to: { returnTo: string; isFresh: boolean }): Promise<{ location: string; remember: SignInState }>;
  /** @throws Refusal `unauthenticated`; ServiceFault `oidc`. */
  finish(answer: SignInAnswer, remembered: SignInState): Promise<SignInProof & { subject: string }>;
}

/** The query with which the provider sends a browser back. */
export interface SignInAnswer {
  code?: string | undefined;
  state?: string | undefined;
  iss?: string | undefined;
}

const TIMEOUT_MS = 10_000;

/** How far the provider's clock may be behind ours. */
const CLOCK_SKEW_MS = 60_000;

const tokensSchema = z.looseObject({ id_token: z.string() });

export function createSignIn({ issuer, clientId, redirectUri, acrValues, clock }: SignInOptions): SignIn {
  return {
    async begin({ returnTo, isFresh }) {
      const { authorization_endpoint: endpoint } = await issuer.discover();
      if (endpoint === undefined) throw fault('offers no sign-in page');
      const secrets = { state: random(), nonce: random(), verifier: random() };
      const remember: SignInState = { ...secrets, returnTo, begunAtMs: clock(), isFresh };
      const location = new URL(endpoint);
      const query = {
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        scope: 'openid',
        state: remember.state,
        nonce: remember.nonce,
        code_challenge: createHash('sha256').update(remember.verifier).digest('base64url'),
        code_challenge_method: 'S256',
        // Whoever is asked for a greatest age must say `auth_time` (OpenID Connect Core, 3.1.2.1).
        max_age: String(isFresh ? 0 : SESSION_SECONDS),
        ...(isFresh && { prompt: 'login' }),
        ...(isFresh && acrValues.length > 0 && { acr_values: acrValues.join(' ') }),
      };
      for (const [name, value] of Object.entries(query)) location.searchParams.set(name, value);
      return { location: location.href, remember };
    },
    async finish({ code, state, iss }, remembered) {
      if (state === undefined || !isEqual(state, remembered.state)) throw notBegun();
      const provider = await issuer.discover();
      // RFC 9207: an answer of another provider is not for us.
      const mustNameItself = provider['authorization_response_iss_parameter_supported'] === true;
      if (iss === undefined ? mustNameItself : iss !== issuer.issuer) throw notBegun();
      if (code === undefined) throw unauthenticated('The identity provider did not sign you in: begin it again.');
      const idToken = await redeem(provider, {
        code,
        verifier: remembered.verifier,
        clientId,
        redirectUri,
      });
      const { payload } = await issuer.verify(idToken, {
        audience: clientId,
        requiredClaims: ['exp', 'iat', 'sub', 'nonce'],
      });
      if (typeof payload['nonce'] !== 'string' || !isEqual(payload['nonce'], remembered.nonce)) throw notBegun();
      if (payload.sub === undefined || payload.sub === '') throw unauthenticated('The sign-in names nobody.');
      const proof = proofOf(payload);
      const { authTimeMs } = proof;
      if (remembered.isFresh && (authTimeMs === null || authTimeMs < remembered.begunAtMs - CLOCK_SKEW_MS))
        throw unauthenticated('The identity provider did not ask anew who you are, or does not say so.');
      return { subject: payload.sub, ...proof };
    },
  };
}

async function redeem(
  { token_endpoint: endpoint }: { token_endpoint?: string | undefined },
  { code, verifier, clientId, redirectUri }: { code: string; verifier: string; clientId: string; redirectUri: string },
): Promise<string> {
  if (endpoint === undefined) throw fault('has no token endpoint');
  const grant = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    client_id: clientId,
    code_verifier: verifier,
  };
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch(endpoint, {
      method: 'POST',
      body: new URLSearchParams(grant),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await answer.json();
  } catch (error) {
    throw fault('cannot be reached', error);
  }
  if (answer.status >= 500) throw fault(`answered ${String(answer.status)}`);
  const tokens = tokensSchema.safeParse(body);
  if (!answer.ok || !tokens.success)
    throw unauthenticated('The identity provider did not accept the sign-in: begin it again.');
  return tokens.data.id_token;
}

function notBegun() {
  return unauthenticated('This sign-in was not begun in this browser, or is too old: begin it again.');
}

function random(): string {
  return randomBytes(32).toString('base64url');
}

function proofOf({ auth_time: authTime, acr }: JWTPayload): SignInProof {
  const isTime = typeof authTime === 'number' && Number.isSafeInteger(authTime) && authTime > 0;
  const isAcr = typeof acr === 'string' && acr.length <= 200;
  return { authTimeMs: isTime ? authTime * 1_000 : null, acr: isAcr ? acr : null };
}

function fault(why: string, cause?: unknown): ServiceFault {
  return new ServiceFault('oidc', `The identity provider ${why}.`, true, { cause });
}
