import { randomUUID } from 'node:crypto';
import type { AgentSigner } from './agent-signer.js';

/** Seconds for which one token is good. */
const AGENT_TOKEN_TTL_SECONDS = 60;

/** The one HTTP request that a token is for. */
export interface AgentTokenFor {
  /** The gateway's base URL, without `/v1` and without a slash at the end. */
  audience: string;
  method: string;
  url: string;
  nowMs: number;
}

/**
 * Makes the token of one HTTP request: an EdDSA JWT (RFC 7519, RFC 8037) by the agent's own key, bound to method and
 * URL as DPoP does it (RFC 9449 section 4.2: the URL without query and fragment). Sent as
 * `Authorization: Countersign-Agent <token>`.
 */
export async function createAgentToken(signer: AgentSigner, request: AgentTokenFor): Promise<string> {
  const url = new URL(request.url);
  const issuedAt = Math.floor(request.nowMs / 1000);
  const header = { alg: 'EdDSA', typ: 'JWT', kid: signer.keyid };
  const claims = {
    iss: signer.agentId,
    sub: signer.agentId,
    aud: request.audience,
    iat: issuedAt,
    exp: issuedAt + AGENT_TOKEN_TTL_SECONDS,
    jti: randomUUID(),
    htm: request.method,
    htu: `${url.origin}${url.pathname}`,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  const [signature] = await signer.sign([new TextEncoder().encode(signed)]);
  if (signature === undefined) throw new Error('createAgentToken: nothing was signed');
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

/** The `Authorization` header of an agent's calls to a gateway, made anew for each. */
export function authorizeAsAgent(
  signer: AgentSigner,
  audience: string,
): (request: { method: string; url: string }) => Promise<string> {
  return async (request) =>
    `Countersign-Agent ${await createAgentToken(signer, { ...request, audience, nowMs: Date.now() })}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
