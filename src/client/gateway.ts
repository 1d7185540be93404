import type { JsonObject } from '../core/json.js';
import type { ActionView } from '../record/action-view.js';
import type { AgentSigner } from './agent-signer.js';
import type { ActionPage, Withdrawn } from './answers.js';
import { createGatewayApi, type ListFilter, type OnBehalfOf } from './api.js';
import { normaliseBaseUrl, type BaseUrlOptions } from './base-url.js';
import { downloadOutput, type Downloaded } from './download.js';
import { createGatewayHttp } from './http.js';
import { askedAs, authorizeAs, makeRequest, makeWithdrawal, type AgentTokens } from './identity.js';
import type { RequestInput } from './requests.js';
import { uploadSource, type UploadedSource } from './upload.js';
import { waitForEnd, type WaitOptions } from './wait.js';

/** What an agent asks for through the gateway; the agent's id is the signer's, or that of the tokens. */
export type AgentRequest = Omit<RequestInput, 'agent'> & { params: JsonObject };

/**
 * What an agent can do at a gateway: ask, look, wait, withdraw, fetch. It cannot decide.
 * All throw Refusal (the gateway says no: `code`, `field`, message) or ServiceFault `gateway`
 * (it cannot be reached: `temporary` says whether asking again can help).
 */
export interface CountersignGateway {
  /**
   * Signs a request, or has the gateway sign it, and hands it in. After a ServiceFault, ask again with the same `actionId`: it is one request.
   * @returns the action to follow: an earlier one (`joined`) where this agent has asked for the same and that is still open.
   */
  request(input: AgentRequest & OnBehalfOf): Promise<Asked>;
  /**
   * Uploads a tar or tar.gz for `infra.apply`, for this agent's own requests.
   * @returns what a request names it by: `params: { source: await gateway.upload(bytes), … }`.
   */
  upload(tarball: Uint8Array): Promise<UploadedSource>;
  get(actionId: string): Promise<ActionView>;
  /** This agent's own actions, newest first. */
  list(filter?: Omit<ListFilter, 'agent'>): Promise<ActionPage>;
  /** Until the action has ended; survives gateways that come and go. @throws WaitTimedOut */
  wait(actionId: string, options?: WaitOptions): Promise<ActionView>;
  /**
   * Takes an own request back, or ends the action early: where it runs it is stopped and its lease revoked (`ending`); wait for
   * its outcome.
   * @throws Refusal `action_closed` when it has ended.
   */
  withdraw(actionId: string, reason: string): Promise<Withdrawn>;
  /** Fetches the output into a file and checks it against the receipt. */
  download(actionId: string, path: string): Promise<Downloaded>;
}

/** The action that a request became, or that it joined. */
export interface Asked {
  actionId: string;
  requestDigest: string;
  /** Whether the agent asked for it earlier: then nothing new was started. */
  joined: boolean;
}

/** Which gateway, and as which agent. */
export type GatewayAgentOptions = BaseUrlOptions & {
  /** The gateway's address, without `/v1`. */
  url: string;
} & (
    | {
        /** The agent's own key. */
        signer: AgentSigner;
      }
    | {
        /** For an agent without a key. */
        tokens: AgentTokens;
      }
  );

/**
 * An agent's client for the gateway's HTTP API; needs no Temporal credential.
 * @throws Refusal `field_invalid` when the address is none, or an `http` one of another machine without `insecureHttp`.
 * @example
 * const gateway = createGatewayAgent({ url: 'https://countersign.example.com', signer });
 * const { actionId } = await gateway.request({
 *   operation: 'database.export',
 *   params: { target: 'orders', query: 'SELECT id, total FROM orders WHERE total > $1', values: [100], format: 'csv' },
 *   reason: 'Quarterly report for finance',
 * });
 * const action = await gateway.wait(actionId);
 * if (action.outcome?.status === 'succeeded') await gateway.download(actionId, 'orders.csv');
 */
export function createGatewayAgent(options: GatewayAgentOptions): CountersignGateway {
  const { url, insecureHttp = false } = options;
  const identity = 'tokens' in options ? options.tokens : options.signer;
  const audience = normaliseBaseUrl(url, { insecureHttp });
  const authorize = authorizeAs(identity, audience);
  const api = createGatewayApi(createGatewayHttp({ baseUrl: audience, authorize, insecureHttp }));
  return {
    request: async ({ prompterTokens, schedulerTokens, ...input }) => {
      const made = await makeRequest({ ...input, agent: identity.agentId }, identity);
      const accepted = await api.submit(made.request, made.logs, {
        ...(prompterTokens && { prompterTokens }),
        ...(schedulerTokens && { schedulerTokens }),
      });
      return askedAs(made, accepted);
    },
    upload: (tarball) => uploadSource(api, tarball),
    get: async (actionId) => api.get(actionId),
    list: async (filter) => api.list({ ...filter, agent: identity.agentId }),
    wait: async (actionId, options) => waitForEnd(api, actionId, options),
    withdraw: async (actionId, reason) => {
      const { requestDigest } = await api.get(actionId);
      return api.withdraw(actionId, await makeWithdrawal({ actionId, requestDigest, reason }, identity));
    },
    download: async (actionId, path) => downloadOutput(api, await api.get(actionId), path),
  };
}
