import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ServiceFault } from '../../../core/errors.js';
import { unauthenticated, type OidcIssuer } from '../oidc-issuer.js';

export interface SignInOptions {
  issuer: OidcIssuer;
  clientId: string;
  redirectUri: string;
}

/** What a sign-in under way must remember, in a sealed cookie. */
export const signInStateSchema = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
});
export type SignInState = z.infer<typeof signInStateSchema>;

/** Signs a browser in: OpenID Connect's code flow with PKCE (RFC 7636), as a public client. */
export interface SignIn {
  begin(returnTo: string): Promise<{ location: string; remember: SignInState }>;
  /** @returns the subject. @throws Refusal `unauthenticated`; ServiceFault `oidc`. */
  finish(answer: { code?: string; state?: string; iss?: string }, remembered: SignInState): Promise<string>;
}

const TIMEOUT_MS = 10_000;

const tokensSchema = z.looseObject({ id_token: z.string() });

export function createSignIn({ issuer, clientId, redirectUri }: SignInOptions): SignIn {
  return {
    async begin(returnTo) {
      const { authorization_endpoint: endpoint } = await issuer.discover();
      if (endpoint === undefined) throw fault('offers no sign-in page');
      const remember: SignInState = { state: random(), nonce: random(), verifier: random(), returnTo };
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
      };
      for (const [name, value] of Object.entries(query)) location.searchParams.set(name, value);
      return { location: location.href, remember };
    },
    async finish({ code, state, iss }, remembered) {
      if (state === undefined || !isEqual(state, remembered.state)) throw notBegun();
      // RFC 9207: an answer of another provider is not for us.
      if (code === undefined || (iss !== undefined && iss !== issuer.issuer)) throw notBegun();
      const idToken = await redeem(await issuer.discover(), {
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
      return payload.sub;
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

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function fault(why: string, cause?: unknown): ServiceFault {
  return new ServiceFault('oidc', `The identity provider ${why}.`, true, { cause });
}
