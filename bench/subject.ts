import { randomUUID } from 'node:crypto';
import { ulid } from 'ulid';
import { asAdmin } from '../apps/devstack/installation/postgres-admin.js';
import { namesOf } from '../apps/devstack/installation/names.js';
import { createGatewayApi, type GatewayApi } from '../src/client/api.js';
import { createGatewayAgent, type AgentRequest, type CountersignGateway } from '../src/client/gateway.js';
import { createGatewayHttp } from '../src/client/http.js';
import type { Prepared } from '../src/contracts/activities.js';
import type { PrivilegedActionResult } from '../src/contracts/workflow.js';
import { workflowIdOf } from '../src/contracts/workflow-id.js';
import { ServiceFault } from '../src/core/errors.js';
import { EXPORT_QUERY, type Bed } from './bed.js';
import { waitUntilHeld } from './held.js';
import { sizeOfHistory } from './history-size.js';
import type { Act, Side } from './sides.js';

/** Countersign itself, reached as agents and people reach it: through the gateway. */
export interface Subject extends Side {
  /** Leaves an action in review. */
  hold(): Promise<string>;
  /** From the agent's signature until the gateway's long poll tells the end, in milliseconds. */
  actThroughGateway(): Promise<number>;
}

const ATTEMPTS = 5;

let asked = 0;

/** Another each time: one for the same as an open one would join it. */
function nextRequest(): AgentRequest {
  asked += 1;
  const params = { target: 'orders', query: EXPORT_QUERY, format: 'csv', maxRows: 1_000_000 - (asked % 900_000) };
  return { operation: 'database.export', params, reason: 'Monthly report' };
}

/** Signs a DBA in at the identity provider; the agent has its own key. */
export async function createSubject(bed: Bed): Promise<Subject> {
  const { client, place, installation } = bed;
  const token = await bed.services.oidc.signIn('ben');
  const person = createGatewayApi(
    createGatewayHttp({ baseUrl: place.gatewayUrl, authorize: async () => `Bearer ${token}` }),
  );
  const agent = createGatewayAgent({ url: place.gatewayUrl, signer: bed.agent });
  return {
    name: 'countersign',
    async act() {
      const { actionId, ...times } = await requestAndApprove(bed, agent, person);
      const result = await client.workflow
        .getHandle<() => Promise<PrivilegedActionResult>>(workflowIdOf(actionId))
        .result();
      if (result.outcome.status !== 'succeeded' || result.lease !== 'revoked')
        throw new Error(`Action ${actionId} ended otherwise: ${result.outcome.message} Lease: ${result.lease}.`);
      return { actionId, ...times, resultAtMs: Date.now() };
    },
    async actThroughGateway() {
      const { actionId, signedAtMs } = await requestAndApprove(bed, agent, person);
      await agent.wait(actionId, { timeoutMs: 60_000 });
      return Date.now() - signedAtMs;
    },
    async hold() {
      const actionId = await request(agent);
      await waitUntilHeld(client, workflowIdOf(actionId));
      return actionId;
    },
    statementsOf: (actionIds) =>
      asAdmin(bed.services.postgres.adminUrl, namesOf(installation.name).recordDatabase, async (database) => {
        const { rows } = await database.query<{ action_id: string; kind: string; recorded_at_ms: string }>(
          'select action_id, kind, recorded_at_ms from countersign.statements where action_id = any ($1) order by sequence',
          [actionIds],
        );
        return groupByAction(rows);
      }),
    historySize: (actionId) => sizeOfHistory(client, workflowIdOf(actionId)),
  };
}

async function requestAndApprove(
  { client }: Bed,
  agent: CountersignGateway,
  person: GatewayApi,
): Promise<Omit<Act, 'resultAtMs'>> {
  const signedAtMs = Date.now();
  const actionId = await request(agent);
  const { heldAtMs, prepared } = await waitUntilHeld(client, workflowIdOf(actionId));
  const { actionDigest } = prepared as Prepared;
  const decidedAtMs = Date.now();
  const decision = { decision: 'approve', reason: 'looks right', actionDigest, idempotencyKey: randomUUID() } as const;
  const { state } = await person.decide(actionId, decision);
  if (state !== 'filled') throw new Error(`The approval of ${actionId} did not fill the plan: ${state}.`);
  return { actionId, signedAtMs, heldAtMs, decidedAtMs };
}

/** As the client says: what got no answer is sent again under the same id, which is one request. */
async function request(agent: CountersignGateway): Promise<string> {
  const actionId = ulid();
  const asking = nextRequest();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await agent.request({ ...asking, actionId });
      return actionId;
    } catch (error) {
      if (!(error instanceof ServiceFault && error.temporary) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** Rows as they came, by action. */
export function groupByAction(
  rows: readonly { action_id: string; kind: string; recorded_at_ms: string | number }[],
): Map<string, { kind: string; atMs: number }[]> {
  const grouped = new Map<string, { kind: string; atMs: number }[]>();
  for (const { action_id: actionId, kind, recorded_at_ms: atMs } of rows)
    grouped.set(actionId, [...(grouped.get(actionId) ?? []), { kind, atMs: Number(atMs) }]);
  return grouped;
}
