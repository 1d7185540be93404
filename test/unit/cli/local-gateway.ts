import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createAgentTokens } from '../../../src/channels/api/agent-tokens.js';
import { problemOf } from '../../../src/channels/api/problems.js';
import type { Envelope, PublicKey } from '../../../src/core/dsse.js';
import type { Refusal, ServiceFault } from '../../../src/core/errors.js';
import type { IncidentPage, SiemSink, WebhookDelivery } from '../../../src/client/answers.js';
import type { FreezeState } from '../../../src/channels/freezing.js';
import type { FreezeScope } from '../../../src/core/schemas/statements.js';
import type { Policy } from '../../../src/policy/policy.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { answer, type Exchange } from './local-gateway-routes.js';

/** What a decision looked like when it arrived. */
export interface Arrived {
  actionId: string;
  decision: string;
  reason: string;
  actionDigest: string;
  key: string;
}

export interface LocalGatewayOptions {
  agents: readonly PublicKey[];
  /** Whether an access token counts. */
  acceptsPerson: (token: string) => Promise<boolean>;
  /** RFC 9728 metadata: the identity provider. */
  issuer?: string;
}

/** A gateway on loopback that speaks the contract: the real schemas, tokens and problems over real HTTP, no record behind. */
export class LocalGateway {
  readonly url: string;
  readonly options: LocalGatewayOptions;
  readonly agentOf: ReturnType<typeof createAgentTokens>;
  readonly actions = new Map<string, { view: ActionView; revision: number }>();
  readonly outputs = new Map<string, Buffer>();
  /** Logs, by action; the real gateway leaves secrets out. */
  readonly logs = new Map<string, string>();
  readonly statements = new Map<string, Envelope[]>();
  /** Proofs of the ledger, by digest of the statement. */
  readonly proofs = new Map<string, string>();
  /** The ledger's tiles, by path. */
  readonly tiles = new Map<string, Buffer>();
  readonly decisions: Arrived[] = [];
  /** What a decision is answered, whatever its schema says; null: that it filled the plan, or denied. */
  answer: object | null = null;
  readonly withdrawals: string[] = [];
  readonly incidents: IncidentPage['incidents'] = [];
  readonly sinks: SiemSink[] = [];
  readonly deliveries: WebhookDelivery[] = [];
  /** What was unfrozen, and why, as it came. */
  readonly unfrozen: { scope: FreezeScope; reason: string }[] = [];
  readonly frozen: FreezeState[] = [];
  /** Method and path of each call, as it came. */
  readonly calls: string[] = [];
  /** How many of the next calls get a closed connection instead of an answer. */
  drop = 0;
  /** What every call is answered with. */
  refusal: Refusal | ServiceFault | null = null;
  /** What is shown of a request once it was handed in; null: none is taken. */
  accept: ((request: ActionView['request']) => ActionView) | null = null;
  readonly #server: Server;
  readonly #waiters = new Set<() => void>();

  constructor(server: Server, options: LocalGatewayOptions) {
    this.#server = server;
    this.options = options;
    this.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
    this.agentOf = createAgentTokens({ policy: () => policyOf(options.agents), publicUrl: this.url, clock: Date.now });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response));
  }

  /** Shows an action, and wakes those who wait for it. */
  put(view: ActionView): void {
    this.actions.set(view.actionId, { view, revision: (this.actions.get(view.actionId)?.revision ?? 0) + 1 });
    for (const wake of this.#waiters) wake();
  }

  /** Until an action is put, or the time is over, or the caller is gone. */
  async nextChange(gone: ServerResponse, ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiters.add(end);
      gone.once('close', end);
    });
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.calls.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (this.drop > 0) {
      this.drop -= 1;
      request.socket.destroy();
      return;
    }
    try {
      const url = new URL(request.url ?? '/', this.url);
      const exchange: Exchange = { request, response, url, body: await text(request) };
      if (this.refusal !== null) throw this.refusal;
      const { status, body } = await answer(this, exchange);
      const isFile = Buffer.isBuffer(body);
      response.writeHead(status, { 'content-type': isFile ? 'text/csv; charset=utf-8' : 'application/json' });
      response.end(isFile ? body : JSON.stringify(body));
    } catch (error) {
      const { problem, headers } = problemOf(error);
      response.writeHead(problem.status, { ...headers, 'content-type': 'application/problem+json; charset=utf-8' });
      response.end(JSON.stringify(problem));
    }
  }
}

export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return new LocalGateway(server, options);
}

/** As much of a policy as tokens are judged by. */
function policyOf(agents: readonly PublicKey[]): Policy {
  const agentKey = (agent: string): PublicKey | undefined => agents.find(({ keyid }) => keyid === `agent/${agent}`);
  return { directory: { agentKey } } as unknown as Policy;
}
