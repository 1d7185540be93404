import { decodeProtectedHeader, errors, importJWK, jwtVerify, type JWTPayload } from 'jose';
import type { PublicKey } from '../../core/dsse.js';
import type { Policy } from '../../policy/policy.js';
import { tokenRefusal, unauthenticated } from './oidc-issuer.js';

export interface AgentTokensOptions {
  policy: () => Policy;
  /** What tokens must name as `aud`, and the base of `htu`. */
  publicUrl: string;
  clock: () => number;
}

/** The one request that a token may be spent on. */
export interface AgentTokenUse {
  method: string;
  /** Path as requested, without query. */
  path: string;
}

const LIFETIME_SECONDS = 60;
const CLOCK_TOLERANCE_SECONDS = 30;
const REMEMBERED_TOKENS = 100_000;

/**
 * Reads an agent's self-signed token: an EdDSA JWT by its directory key, for this gateway, one method and one address
 * (as DPoP, RFC 9449, does it), spent once. Spent tokens are remembered by this process, for as long as they would hold.
 * @returns the agent's id.
 */
export function createAgentTokens({ policy, publicUrl, clock }: AgentTokensOptions) {
  const spent = createSpentTokens(clock);
  return async (token: string, use: AgentTokenUse): Promise<string> => {
    const { agent, key } = signerOf(token, policy());
    const claims = await verify(token, { agent, key, publicUrl, nowMs: clock() });
    const { htm, htu, jti, iat = 0, exp = 0 } = claims;
    if (exp - iat > LIFETIME_SECONDS)
      throw unauthenticated(`An agent's token holds at most ${String(LIFETIME_SECONDS)} seconds.`);
    if (htm !== use.method) throw unauthenticated('The token is for another method (htm).');
    if (htu !== `${publicUrl}${use.path}`) throw unauthenticated('The token is for another address (htu).');
    if (typeof jti !== 'string' || jti === '' || jti.length > 200)
      throw unauthenticated('The token has no usable jti.');
    if (!spent.spend(`${agent} ${jti}`, (exp + CLOCK_TOLERANCE_SECONDS) * 1_000)) {
      throw unauthenticated('The token was already used: make one for each request.');
    }
    return agent;
  };
}

function signerOf(token: string, policy: Policy): { agent: string; key: PublicKey } {
  let kid: unknown;
  try {
    ({ kid } = decodeProtectedHeader(token));
  } catch {
    throw unauthenticated('The token is not a JWT.');
  }
  const agent = typeof kid === 'string' && kid.startsWith('agent/') ? kid.slice('agent/'.length) : '';
  const key = policy.directory.agentKey(agent);
  if (key === undefined) throw unauthenticated('The directory lists no agent with the key id of this token.');
  return { agent, key };
}

async function verify(
  token: string,
  { agent, key, publicUrl, nowMs }: { agent: string; key: PublicKey; publicUrl: string; nowMs: number },
): Promise<JWTPayload> {
  const x = Buffer.from(key.publicKey, 'base64').toString('base64url');
  try {
    const { payload } = await jwtVerify(token, await importJWK({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA'), {
      algorithms: ['EdDSA', 'Ed25519'],
      issuer: agent,
      subject: agent,
      audience: publicUrl,
      requiredClaims: ['iat', 'exp', 'jti', 'htm', 'htu'],
      maxTokenAge: LIFETIME_SECONDS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch (error) {
    throw error instanceof errors.JOSEError ? tokenRefusal(error) : unauthenticated('The token is not valid.');
  }
}

function createSpentTokens(clock: () => number): { spend(token: string, untilMs: number): boolean } {
  const untilByToken = new Map<string, number>();
  return {
    spend(token, untilMs) {
      const nowMs = clock();
      if ((untilByToken.get(token) ?? 0) >= nowMs) return false;
      if (untilByToken.size >= REMEMBERED_TOKENS) {
        for (const [old, oldUntilMs] of untilByToken) if (oldUntilMs < nowMs) untilByToken.delete(old);
      }
      // Full of tokens that still hold: none is forgotten, the new one is refused.
      if (untilByToken.size >= REMEMBERED_TOKENS) return false;
      untilByToken.set(token, untilMs);
      return true;
    },
  };
}
