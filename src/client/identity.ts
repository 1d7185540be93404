import { readFile } from 'node:fs/promises';
import type { Envelope } from '../core/dsse.js';
import { Refusal } from '../core/errors.js';
import type { ActionRequest } from '../core/schemas/action.js';
import type { StatementBody } from '../core/schemas/statements.js';
import type { Accepted } from './answers.js';
import type { AgentSigner } from './agent-signer.js';
import { authorizeAsAgent } from './agent-token.js';
import type { Asked } from './gateway.js';
import { buildRequest, buildWithdrawal, signRequest, signWithdrawal } from './requests.js';
import type { RequestInput, WithdrawalInput } from './requests.js';

/** An agent without a key of its own: the gateway verifies its OIDC or SPIFFE token, drops it, and signs for it. */
export interface AgentTokens {
  agentId: string;
  /** A token that still holds. Asked for anew at each call, so that a short-lived one may be rotated. */
  token(): Promise<string>;
}

/** Who an agent is: by its own key, or by its platform's tokens. */
export type AgentIdentity = AgentSigner | AgentTokens;

/**
 * Tokens from a file that the platform keeps fresh: a Kubernetes projected token, a SPIFFE JWT-SVID.
 * @example
 * const tokens = createTokenFile({ agentId: 'reporter', path: '/var/run/secrets/countersign/token' });
 */
export function createTokenFile({ agentId, path }: { agentId: string; path: string }): AgentTokens {
  return {
    agentId,
    async token() {
      const text = (await readFile(path, 'utf8')).trim();
      if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return text;
      throw new Refusal('field_invalid', `${path} does not hold a JWT.`, 'token');
    },
  };
}

/** The `Authorization` header of an agent's calls. */
export function authorizeAs(
  identity: AgentIdentity,
  audience: string,
): (request: { method: string; url: string }) => Promise<string> {
  if ('sign' in identity) return authorizeAsAgent(identity, audience);
  return async () => `Bearer ${await identity.token()}`;
}

/** A request as its agent hands it in: signed, or plain for the gateway to sign. */
export interface MadeRequest {
  actionId: string;
  requestDigest: string;
  request: Envelope | ActionRequest;
  /** The log that the request names, to be sent beside it. */
  logs: string | null;
}

/** @throws Refusal `field_invalid` naming the field. */
export async function makeRequest(input: RequestInput, identity: AgentIdentity): Promise<MadeRequest> {
  if (!('sign' in identity)) return buildRequest({ ...input, agent: identity.agentId });
  const { envelope, ...signed } = await signRequest(input, identity);
  return { ...signed, request: envelope };
}

/** The action to follow: the one that was made, or the earlier one that it joined. */
export function askedAs(made: MadeRequest, accepted: Accepted): Asked {
  const { actionId, requestDigest = made.requestDigest, joined } = accepted;
  return { actionId, requestDigest, joined };
}

/** @throws Refusal `field_invalid` naming the field. */
export async function makeWithdrawal(
  input: WithdrawalInput,
  identity: AgentIdentity,
): Promise<Envelope | StatementBody<'withdrawal'>> {
  return 'sign' in identity ? signWithdrawal(input, identity) : buildWithdrawal(input, identity.agentId);
}
