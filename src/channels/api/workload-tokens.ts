import { decodeJwt } from 'jose';
import { Refusal } from '../../core/errors.js';
import type { Policy } from '../../policy/policy.js';
import { createOidcIssuer, unauthenticated, type OidcIssuer } from './oidc-issuer.js';

/** An issuer of workloads' tokens (OIDC or SPIFFE JWT), as the gateway is configured. */
export interface WorkloadIssuer {
  /** As directories name it. */
  name: string;
  /** `iss`; exact match. */
  issuer: string;
  /** Where its keys are; undefined: its discovery document says so. */
  jwksUrl?: string | undefined;
  /** `aud` of its tokens, unless an agent's entry names another. */
  audience: string;
  algorithms: readonly string[];
  /** Tokens that hold for longer are refused. */
  maxLifetimeSeconds: number;
}

export interface WorkloadTokensOptions {
  issuers: readonly WorkloadIssuer[];
  policy: () => Policy;
  clock: () => number;
}

/** The tokens by which agents without a key come. */
export interface WorkloadTokens {
  /** Whether a token says that one of the configured issuers made it. Nothing is verified. */
  isOurs(token: string): boolean;
  /**
   * Verifies a token: issuer, audience, times, algorithm, subject.
   * @returns the id of the agent that the directory lists with this issuer and subject.
   * @throws Refusal `unauthenticated`, or `agent_unknown` when it holds and is nobody's.
   */
  read(token: string): Promise<string>;
}

export function createWorkloadTokens({ issuers, policy, clock }: WorkloadTokensOptions): WorkloadTokens {
  const configured = issuers.map((one) => ({
    ...one,
    provider: createOidcIssuer(one.issuer, clock, { jwksUrl: one.jwksUrl, algorithms: one.algorithms }),
  }));
  return {
    isOurs: (token) => configured.some(({ issuer }) => issuer === claimsOf(token)?.iss),
    async read(token) {
      const claimed = claimsOf(token);
      const from = configured.find(({ issuer }) => issuer === claimed?.iss);
      if (claimed === undefined || from === undefined) {
        throw unauthenticated('The token is of no issuer that this gateway takes agents from.');
      }
      const { directory } = policy();
      // Whom to look up is the token's own word until it is verified below.
      const agent = directory.agentByToken(from.name, claimed.sub ?? '');
      const subject = await verify(token, from, agent?.jwt?.audience ?? from.audience, clock());
      if (agent !== undefined && agent.jwt?.subject === subject) return agent.id;
      throw new Refusal(
        'agent_unknown',
        'The directory lists no agent with the subject of this token.',
        'Authorization',
      );
    },
  };
}

/** @returns the verified subject. */
async function verify(
  token: string,
  { provider, maxLifetimeSeconds }: WorkloadIssuer & { provider: OidcIssuer },
  audience: string,
  nowMs: number,
): Promise<string | undefined> {
  const { payload } = await provider.verify(token, { audience, requiredClaims: ['exp', 'sub'] });
  const { exp = Infinity, iat = Infinity } = payload;
  // From now on at the latest: neither a missing nor a later time of issue makes it short-lived.
  const fromSeconds = Math.min(iat, nowMs / 1_000);
  if (exp - fromSeconds > maxLifetimeSeconds) {
    throw unauthenticated(`The token holds for longer than ${String(maxLifetimeSeconds)} seconds.`);
  }
  return payload.sub;
}

function claimsOf(token: string): { iss?: string; sub?: string } | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}
