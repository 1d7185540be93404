import { decodeProtectedHeader, errors, importJWK, jwtVerify, type JWTPayload } from 'jose';
import type { PublicKey } from '../../core/dsse.js';
import { Refusal } from '../../core/errors.js';
import type { Policy } from '../../policy/policy.js';
import { tokenRefusal, unauthenticated } from './oidc-issuer.js';

export interface AgentTokensOptions {
  policy: () => Policy;
  /** What tokens must name as `aud`, and the base of `htu`. */
  publicUrl: string;
  clock: () => number;
  /** Default: 5,000 of each agent, 100,000 in all. */
  remembered?: Remembered;
}

/** The one request that a token may be spent on. */
export interface AgentTokenUse {
  method: string;
  /** Path as requested, without query. */
  path: string;
}

const LIFETIME_SECONDS = 60;
const CLOCK_TOLERANCE_SECONDS = 30;

/** How many spent tokens are remembered. */
interface Remembered {
  /** At 50 requests a second, all that still hold. */
  perAgent: number;
  inAll: number;
}
const REMEMBERED: Remembered = { perAgent: 5_000, inAll: 100_000 };

/**
 * Reads an agent's self-signed token: an EdDSA JWT by its directory key, for this gateway, one method and one address
 * (as DPoP, RFC 9449, does it), spent once. Spent tokens are remembered by this process, for as long as they would hold.
 * @returns the agent's id.
 */
export function createAgentTokens({ policy, publicUrl, clock, remembered = REMEMBERED }: AgentTokensOptions) {
  const spent = createSpentTokens(clock, remembered);
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
    const answer = spent.spend(agent, jti, (exp + CLOCK_TOLERANCE_SECONDS) * 1_000);
    if (answer === 'known') throw unauthenticated('The token was already used: make one for each request.');
    if (answer === 'full')
      throw new Refusal('quota_exceeded', 'Too many tokens of the last 90 seconds: send fewer requests.');
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

interface SpentTokens {
  /** `known`: it was spent before. `full`: so many of this agent's, or of all, still hold that no more is remembered. */
  spend(agent: string, jti: string, untilMs: number): 'spent' | 'known' | 'full';
}

/** None is forgotten while it holds; the bound of each agent keeps one from filling what all share. */
function createSpentTokens(clock: () => number, most: Remembered): SpentTokens {
  const byAgent = new Map<string, Map<string, number>>();
  let held = 0;
  const forgetEnded = (agent: string, nowMs: number): void => {
    const own = byAgent.get(agent) ?? new Map<string, number>();
    for (const [jti, untilMs] of own) if (untilMs < nowMs && own.delete(jti)) held -= 1;
    if (own.size === 0) byAgent.delete(agent);
  };
  return {
    spend(agent, jti, untilMs) {
      const nowMs = clock();
      if ((byAgent.get(agent)?.get(jti) ?? 0) >= nowMs) return 'known';
      if ((byAgent.get(agent)?.size ?? 0) >= most.perAgent) forgetEnded(agent, nowMs);
      if (held >= most.inAll) for (const each of [...byAgent.keys()]) forgetEnded(each, nowMs);
      const own = byAgent.get(agent) ?? new Map<string, number>();
      if (own.size >= most.perAgent || held >= most.inAll) return 'full';
      if (!own.has(jti)) held += 1;
      byAgent.set(agent, own.set(jti, untilMs));
      return 'spent';
    },
  };
}
