import type { JsonObject } from '../core/json.js';
import type { ActionView } from '../record/action-view.js';
import type { AgentSigner } from './agent-signer.js';
import { authorizeAsAgent } from './agent-token.js';
import type { ActionPage } from './answers.js';
import { createGatewayApi, type ListFilter } from './api.js';
import { downloadOutput, type Downloaded } from './download.js';
import { createGatewayHttp, normaliseBaseUrl } from './http.js';
import { signRequest, signWithdrawal, type RequestInput } from './requests.js';
import { waitForEnd, type WaitOptions } from './wait.js';

/** What an agent asks for through the gateway; the agent's id is the signer's. */
export type AgentRequest = Omit<RequestInput, 'agent'> & { params: JsonObject };

/**
 * What an agent can do at a gateway: ask, look, wait, withdraw, fetch. It cannot decide.
 * All throw Refusal (the gateway says no: `code`, `field`, message) or ServiceFault `gateway`
 * (it cannot be reached: `temporary` says whether asking again can help).
 */
export interface CountersignGateway {
  /** Signs a request and hands it in. After a ServiceFault, ask again with the same `actionId`: it is one request. */
  request(input: AgentRequest): Promise<{ actionId: string; requestDigest: string }>;
  get(actionId: string): Promise<ActionView>;
  /** This agent's own actions, newest first. */
  list(filter?: Omit<ListFilter, 'agent'>): Promise<ActionPage>;
  /** Until the action has ended; survives gateways that come and go. @throws WaitTimedOut */
  wait(actionId: string, options?: WaitOptions): Promise<ActionView>;
  /** Takes an own request back; without effect once it runs. */
  withdraw(actionId: string, reason: string): Promise<void>;
  /** Fetches the output into a file and checks it against the receipt. */
  download(actionId: string, path: string): Promise<Downloaded>;
}

/**
 * An agent's client for the gateway's HTTP API; needs no Temporal credential.
 * @param options.url the gateway's address, without `/v1`.
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
export function createGatewayAgent({ url, signer }: { url: string; signer: AgentSigner }): CountersignGateway {
  const audience = normaliseBaseUrl(url);
  const api = createGatewayApi(createGatewayHttp({ baseUrl: audience, authorize: authorizeAsAgent(signer, audience) }));
  return {
    request: async (input) => {
      const { actionId, requestDigest, envelope } = await signRequest({ ...input, agent: signer.agentId }, signer);
      await api.submit(envelope);
      return { actionId, requestDigest };
    },
    get: async (actionId) => api.get(actionId),
    list: async (filter) => api.list({ ...filter, agent: signer.agentId }),
    wait: async (actionId, options) => waitForEnd(api, actionId, options),
    withdraw: async (actionId, reason) => {
      const { requestDigest } = await api.get(actionId);
      await api.withdraw(actionId, await signWithdrawal({ actionId, requestDigest, reason }, signer));
    },
    download: async (actionId, path) => downloadOutput(api, await api.get(actionId), path),
  };
}
