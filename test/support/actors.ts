import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { cliClientId } from '../../apps/devstack/services/oidc.js';
import { signInByDevice } from '../../apps/devstack/services/oidc-device-sign-in.js';
import { createGatewayApi, type GatewayApi } from '../../src/client/api.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { createGatewayAgent, type AgentSigner, type CountersignGateway } from '../../src/client/index.js';
import type { DecisionAnswer } from '../../src/contracts/workflow.js';
import type { ActionView } from '../../src/record/action-view.js';
import { anotherExport } from './another-export.js';
import type { Stack } from './stack.js';

/** A query without personal data, whose plan is one approval by a DBA. Its parameters differ each time they are read. */
export const PLAIN_EXPORT = {
  operation: 'database.export',
  get params() {
    const query = "select id, status from orders where status <> 'none'";
    return { target: 'orders', query, format: 'csv', ...anotherExport() };
  },
  reason: 'Monthly report',
};

/** The test agent's own key as the client library wants it. */
export function agentSigner(stack: Stack): AgentSigner {
  const { signer, publicKey } = stack.installation.agent;
  return { agentId: 'export-bot', publicKey, ...signer };
}

export function agentOf(stack: Stack): CountersignGateway {
  return createGatewayAgent({ url: stack.gatewayUrl, signer: agentSigner(stack) });
}

/** A person signed in at the real provider. */
export interface PersonAtGateway extends GatewayApi {
  /** Approves or denies what the action shows right now. */
  decideOn(actionId: string, decision: 'approve' | 'deny', reason?: string): Promise<DecisionAnswer>;
}

export async function personAt(stack: Stack, personId: string): Promise<PersonAtGateway> {
  const { issuer, resource } = inject('services').oidc;
  const token = await signInByDevice({
    issuer,
    clientId: cliClientId,
    resource,
    scope: 'openid email profile',
    personId,
  });
  const api = createGatewayApi(
    createGatewayHttp({ baseUrl: stack.gatewayUrl, authorize: async () => `Bearer ${token}` }),
  );
  return {
    ...api,
    async decideOn(actionId, decision, reason = 'looks right') {
      const { actionDigest } = await api.get(actionId);
      return api.decide(actionId, { decision, reason, actionDigest: actionDigest ?? '', idempotencyKey: randomUUID() });
    },
  };
}

/** Polls until the action shows what is waited for. */
export async function until(
  look: { get(actionId: string): Promise<ActionView> },
  actionId: string,
  isThere: (view: ActionView) => boolean,
  timeoutMs = 30_000,
): Promise<ActionView> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const view = await look.get(actionId);
    if (isThere(view)) return view;
    if (Date.now() > deadline)
      throw new Error(`still ${JSON.stringify({ state: view.state, outcome: view.outcome, refusals: view.refusals })}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
