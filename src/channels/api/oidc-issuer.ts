import { createRemoteJWKSet, errors, type JWTVerifyResult } from 'jose';
import { z } from 'zod';
import { Refusal, ServiceFault } from '../../core/errors.js';
import { createTokenVerifier, type TokenDemands } from './verified-tokens.js';

const discoverySchema = z.looseObject({
  issuer: z.string(),
  jwks_uri: z.url(),
  authorization_endpoint: z.url().optional(),
  token_endpoint: z.url().optional(),
});
export type Discovery = z.infer<typeof discoverySchema>;

/** An OpenID Connect provider whose tokens count here. */
export interface OidcIssuer {
  issuer: string;
  discover(): Promise<Discovery>;
  /**
   * Verifies a JWT of this issuer: signature, `iss`, `exp`, and whatever else is demanded.
   * @throws Refusal `unauthenticated`; ServiceFault `oidc` when the provider's keys cannot be had.
   */
  verify(token: string, demands: TokenDemands): Promise<JWTVerifyResult>;
}

export interface IssuerOptions {
  /** Where its keys are. Default: its discovery document says so. */
  jwksUrl?: string | undefined;
  /** Default: RS256, PS256, ES256 and Ed25519. */
  algorithms?: readonly string[];
}

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const TIMEOUT_MS = 5_000;
const CLOCK_TOLERANCE_SECONDS = 60;

/** Keys and endpoints come from the issuer's discovery document, fetched when first needed. */
export function createOidcIssuer(
  issuer: string,
  clock: () => number,
  { jwksUrl, algorithms = ALGORITHMS }: IssuerOptions = {},
): OidcIssuer {
  const knownKeys = jwksUrl === undefined ? undefined : keysAt(new URL(jwksUrl));
  const clockToleranceSeconds = CLOCK_TOLERANCE_SECONDS;
  const verifyToken = createTokenVerifier({ issuer, algorithms, clockToleranceSeconds, clock });
  let found: Promise<{ discovery: Discovery; keys: ReturnType<typeof createRemoteJWKSet> }> | undefined;

  const provider = async (): ReturnType<typeof fetchProvider> => {
    found ??= fetchProvider(issuer);
    try {
      return await found;
    } catch (error) {
      found = undefined; // asked again the next time
      throw error;
    }
  };

  return {
    issuer,
    discover: async () => (await provider()).discovery,
    async verify(token, demands) {
      const keys = knownKeys ?? (await provider()).keys;
      try {
        return await verifyToken(token, keys, demands);
      } catch (error) {
        throw tokenRefusal(error);
      }
    },
  };
}

async function fetchProvider(
  issuer: string,
): Promise<{ discovery: Discovery; keys: ReturnType<typeof createRemoteJWKSet> }> {
  const discovery = await fetchDiscovery(issuer);
  const jwksUri = new URL(discovery.jwks_uri);
  if (issuer.startsWith('https:') && jwksUri.protocol !== 'https:') throw fault('names keys without TLS');
  return { discovery, keys: keysAt(jwksUri) };
}

function keysAt(url: URL): ReturnType<typeof createRemoteJWKSet> {
  return createRemoteJWKSet(url, { timeoutDuration: TIMEOUT_MS });
}

async function fetchDiscovery(issuer: string): Promise<Discovery> {
  let answer: unknown;
  try {
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`it answered ${String(response.status)}`);
    answer = await response.json();
  } catch (error) {
    throw fault('cannot be reached', error);
  }
  const parsed = discoverySchema.safeParse(answer);
  if (!parsed.success) throw fault('has no usable discovery document', parsed.error);
  if (parsed.data.issuer !== issuer) throw fault('calls itself by another issuer name');
  return parsed.data;
}

/** Why a token does not count; a provider that is away is not the token's fault. */
export function tokenRefusal(error: unknown): Refusal | ServiceFault {
  if (error instanceof errors.JWTExpired && error.claim === 'iat')
    return unauthenticated('The token was issued too long ago: the person has to sign in again.');
  if (error instanceof errors.JWTExpired) return unauthenticated('The token has expired: sign in again.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return unauthenticated(`The token's claim ${JSON.stringify(error.claim)} is missing or not as it must be.`);
  }
  const noKeys = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  const noAnswer = error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC';
  if (noKeys || noAnswer || !(error instanceof errors.JOSEError)) return fault('does not give its keys', error);
  return unauthenticated('The token is not valid.');
}

export function unauthenticated(detail: string): Refusal {
  return new Refusal('unauthenticated', detail, 'Authorization');
}

function fault(why: string, cause?: unknown): ServiceFault {
  return new ServiceFault('oidc', `The identity provider ${why}.`, true, { cause });
}
