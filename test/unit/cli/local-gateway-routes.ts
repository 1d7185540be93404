import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  acceptedSchema,
  actionSchema,
  decisionAnswerSchema,
  decisionBodySchema,
  decisionHeadersSchema,
  listQuerySchema,
  listSchema,
  statementsPageSchema,
  statementsQuerySchema,
  statementsSchema,
  toActionBody,
  toSummary,
  waitQuerySchema,
  waitSchema,
  withdrawnSchema,
} from '../../../src/channels/api/schemas.js';
import {
  freezeBodySchema,
  freezeSchema,
  freezesSchema,
  unfreezeBodySchema,
  unfrozenSchema,
} from '../../../src/channels/api/freeze-schemas.js';
import { incidentsQuerySchema, incidentsSchema } from '../../../src/channels/api/incident-schemas.js';
import { siemStatusSchema } from '../../../src/channels/api/siem-schemas.js';
import { deliveriesQuerySchema, deliveriesSchema, deliverySchema } from '../../../src/channels/api/webhook-schemas.js';
import { requireNamedLogs, splitBody } from '../../../src/channels/attachments.js';
import { open } from '../../../src/core/dsse.js';
import { sha256Hex } from '../../../src/core/json.js';
import { Refusal } from '../../../src/core/errors.js';
import { parseOrRefuse } from '../../../src/core/invalid-field.js';
import { envelopeSchema } from '../../../src/core/schemas/primitives.js';
import { wordOfScope } from '../../../src/record/freezes.js';
import { statementSchema, type StatementKind } from '../../../src/core/schemas/statements.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { LocalGateway } from './local-gateway.js';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  body: string;
}

export interface Answer {
  status: number;
  body: unknown;
}

/** Answers as the contract says; what goes out has passed the real gateway's own schemas. */
export async function answer(gateway: LocalGateway, exchange: Exchange): Promise<Answer> {
  const { request, url } = exchange;
  const [, version, collection, actionId, part = 'view'] = url.pathname.split('/');
  if (url.pathname === '/readyz') return { status: 200, body: { ready: true, services: [] } };
  if (url.pathname === '/.well-known/oauth-protected-resource' && gateway.options.issuer !== undefined) {
    return { status: 200, body: { resource: gateway.url, authorization_servers: [gateway.options.issuer] } };
  }
  if (version === 'v1' && collection === 'actions') {
    if (actionId === undefined) return request.method === 'POST' ? submit(gateway, exchange) : list(gateway, exchange);
    const route = ROUTES[part];
    if (route !== undefined) return { status: 200, body: await route(gateway, exchange, actionId) };
  }
  if (url.pathname === '/v1/statements') return { status: 200, body: await statementsPage(gateway, exchange) };
  if (url.pathname === '/v1/incidents') return { status: 200, body: await incidents(gateway, exchange) };
  if (url.pathname === '/v1/siem') return { status: 200, body: await siem(gateway, exchange) };
  if (url.pathname === '/v1/webhooks/deliveries') return { status: 200, body: await deliveries(gateway, exchange) };
  if (url.pathname.startsWith('/v1/ledger/proofs/') || url.pathname.startsWith('/ledger/tile/'))
    return { status: 200, body: await ofLedger(gateway, exchange) };
  const [, replayed] = /^\/v1\/webhooks\/deliveries\/([^/]+)\/replay$/.exec(url.pathname) ?? [];
  if (replayed !== undefined) return { status: 202, body: await replay(gateway, exchange, replayed) };
  if (url.pathname === '/v1/unfreezes') return { status: 200, body: await unfreeze(gateway, exchange) };
  if (url.pathname === '/v1/freezes') return { status: 200, body: await freeze(gateway, exchange) };
  throw new Refusal('not_found', 'There is nothing at this address.');
}

type Route = (gateway: LocalGateway, exchange: Exchange, actionId: string) => Promise<unknown>;

const ROUTES: Record<string, Route | undefined> = {
  view: async (gateway, exchange, actionId) => {
    await authenticate(gateway, exchange, 'either');
    return actionSchema.parse(toActionBody(find(gateway, actionId).view));
  },
  wait: async (gateway, exchange, actionId) => {
    await authenticate(gateway, exchange, 'either');
    const { timeoutSeconds, sinceRevision } = parseOrRefuse(waitQuerySchema, queryOf(exchange));
    if (String(find(gateway, actionId).revision) === sinceRevision) {
      await gateway.nextChange(exchange.response, timeoutSeconds * 1_000);
    }
    const { view, revision } = find(gateway, actionId);
    return waitSchema.parse({ revision: String(revision), action: toActionBody(view) });
  },
  decision: async (gateway, exchange, actionId) => {
    await authenticate(gateway, exchange, 'person');
    const { 'idempotency-key': key } = parseOrRefuse(decisionHeadersSchema, exchange.request.headers);
    const decision = parseOrRefuse(decisionBodySchema, JSON.parse(exchange.body));
    if (decision.actionDigest !== find(gateway, actionId).view.actionDigest) {
      throw new Refusal('digest_mismatch', 'The action has changed since it was shown.', 'actionDigest');
    }
    gateway.decisions.push({ actionId, key, ...decision });
    if (gateway.answer !== null) return gateway.answer;
    return decisionAnswerSchema.parse({ state: decision.decision === 'deny' ? 'denied' : 'filled', open: [] });
  },
  withdrawal: async (gateway, exchange, actionId) => {
    gateway.withdrawals.push(openAs(gateway, exchange, 'withdrawal').predicate.body.actionId);
    return withdrawnSchema.parse({ actionId, state: 'withdrawn' });
  },
  statements: async (gateway, exchange, actionId) => {
    await authenticate(gateway, exchange, 'either');
    return statementsSchema.parse({ statements: gateway.statements.get(actionId) ?? [] });
  },
  logs: async (gateway, exchange, actionId) => {
    await authenticate(gateway, exchange, 'either');
    const text = gateway.logs.get(actionId);
    if (text === undefined) throw new Refusal('not_found', 'The agent sent no log.', 'actionId');
    return Buffer.from(text);
  },
  output: async (gateway, exchange, actionId) => {
    await authenticate(gateway, exchange, 'agent');
    const output = gateway.outputs.get(actionId);
    if (output === undefined) throw new Refusal('artefact_gone', 'The output is no longer kept.', 'actionId');
    return output;
  },
};

function submit(gateway: LocalGateway, exchange: Exchange): Answer {
  const { predicate, subject } = openAs(gateway, exchange, 'request');
  if (gateway.accept === null)
    throw new Refusal('policy_forbids', 'No policy lets this agent ask for this.', 'operation');
  const { logs } = splitBody(JSON.parse(exchange.body));
  if (logs !== null) requireNamedLogs(predicate.body, logs);
  if (logs !== null) gateway.logs.set(predicate.body.actionId, logs);
  const view = gateway.accept(predicate.body);
  gateway.put(view);
  const joined = view.actionId !== predicate.body.actionId;
  const requestDigest = joined ? view.requestDigest : subject[0].digest.sha256;
  const accepted = { actionId: view.actionId, requestDigest, state: 'preparing', joined };
  return { status: 202, body: acceptedSchema.parse(accepted) };
}

async function list(gateway: LocalGateway, exchange: Exchange): Promise<Answer> {
  await authenticate(gateway, exchange, 'either');
  const { open: onlyOpen, agent, limit } = parseOrRefuse(listQuerySchema, queryOf(exchange));
  const isMeant = (view: ActionView): boolean =>
    (onlyOpen !== true || view.state !== 'done') && (agent ?? view.request.agent) === view.request.agent;
  const views = [...gateway.actions.values()].map(({ view }) => view).filter(isMeant);
  return {
    status: 200,
    body: listSchema.parse({ actions: views.slice(0, limit).map(toSummary), unreadable: [], next: null }),
  };
}

async function incidents(gateway: LocalGateway, exchange: Exchange): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  const { agent, limit } = parseOrRefuse(incidentsQuerySchema, queryOf(exchange));
  const all = gateway.incidents.filter((incident) => (agent ?? incident.agent) === incident.agent);
  const next = all.length > limit ? String(limit) : null;
  return incidentsSchema.parse({ incidents: all.slice(0, limit), unreadable: [], next });
}

async function siem(gateway: LocalGateway, exchange: Exchange): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  return siemStatusSchema.parse({ ledgerSize: 100, sinks: gateway.sinks });
}

async function deliveries(gateway: LocalGateway, exchange: Exchange): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  const { state, limit } = parseOrRefuse(deliveriesQuerySchema, queryOf(exchange));
  const all = gateway.deliveries.filter((delivery) => (state ?? delivery.state) === delivery.state);
  return deliveriesSchema.parse({ deliveries: all.slice(0, limit), next: all.length > limit ? String(limit) : null });
}

async function replay(gateway: LocalGateway, exchange: Exchange, id: string): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  const found = gateway.deliveries.find((delivery) => delivery.id === id);
  if (found === undefined) throw new Refusal('not_found', 'There is no such delivery.', 'id');
  return deliverySchema.parse({ ...found, state: 'pending', replayedBy: 'erin' });
}

async function unfreeze(gateway: LocalGateway, exchange: Exchange): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  const { scope, reason } = parseOrRefuse(unfreezeBodySchema, JSON.parse(exchange.body));
  gateway.unfrozen.push({ scope, reason });
  const lifted = gateway.incidents
    .filter((incident) => incident.frozen && scope.kind === 'agent' && incident.agent === scope.agent)
    .map(({ actionId, digest }) => ({ actionId, freeze: digest }));
  const waiting = gateway.frozen
    .filter((one) => wordOfScope(one.scope) === wordOfScope(scope))
    .map(({ digest, missing }) => ({ freeze: digest, missing: missing - 1 }));
  return unfrozenSchema.parse({ scope, lifted, waiting });
}

/** Lists them, too. */
async function freeze(gateway: LocalGateway, exchange: Exchange): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  if (exchange.request.method === 'GET') return freezesSchema.parse({ freezes: gateway.frozen, unreadable: [] });
  const { scope, reason } = parseOrRefuse(freezeBodySchema, JSON.parse(exchange.body));
  const digest = sha256Hex(wordOfScope(scope));
  const frozen = { because: 'person' as const, by: 'erin', actionId: null, frozenAtMs: 0, lifts: [], missing: 2 };
  gateway.frozen.push({ ...frozen, digest, scope, reason });
  return freezeSchema.parse(gateway.frozen.at(-1));
}

async function statementsPage(gateway: LocalGateway, exchange: Exchange): Promise<unknown> {
  await authenticate(gateway, exchange, 'person');
  const { before = '~', limit } = parseOrRefuse(statementsQuerySchema, queryOf(exchange));
  const ids = [...gateway.statements.keys()].sort().reverse();
  const page = ids.filter((id) => id < before).slice(0, limit);
  const actions = page.map((actionId) => ({ actionId, statements: gateway.statements.get(actionId) ?? [] }));
  const next = page.length < limit ? null : (page.at(-1) ?? null);
  return statementsPageSchema.parse({ actions, unreadable: [], next });
}

async function ofLedger(gateway: LocalGateway, exchange: Exchange): Promise<Buffer> {
  await authenticate(gateway, exchange, 'either');
  const { pathname } = exchange.url;
  const proof = gateway.proofs.get(pathname.split('/').at(-1) ?? '');
  const found = pathname.startsWith('/v1/') ? proof : gateway.tiles.get(pathname.slice('/ledger/'.length));
  if (found === undefined) throw new Refusal('not_found', 'The newest checkpoint covers no such thing.');
  return Buffer.from(found);
}

function openAs<K extends StatementKind>(gateway: LocalGateway, { body }: Exchange, kind: K) {
  const opened = open(parseOrRefuse(envelopeSchema, splitBody(JSON.parse(body)).envelope), gateway.options.agents);
  if (!opened.ok) throw new Refusal(opened.fault, 'The envelope does not verify.');
  return parseOrRefuse(statementSchema(kind), opened.payload);
}

async function authenticate(
  gateway: LocalGateway,
  { request, url }: Exchange,
  who: 'person' | 'agent' | 'either',
): Promise<void> {
  const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme === 'Bearer' && who !== 'agent' && (await gateway.options.acceptsPerson(token))) return;
  if (scheme !== 'Countersign-Agent' || who === 'person') {
    throw new Refusal('unauthenticated', 'The token is not valid.', 'Authorization');
  }
  await gateway.agentOf(token, { method: request.method ?? '', path: url.pathname });
}

function find(gateway: LocalGateway, actionId: string): { view: ActionView; revision: number } {
  const found = gateway.actions.get(actionId);
  if (found === undefined) throw new Refusal('action_unknown', `There is no action ${actionId}.`, 'actionId');
  return found;
}

function queryOf({ url }: Exchange): Record<string, string> {
  return Object.fromEntries(url.searchParams);
}
