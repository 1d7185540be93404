import { randomUUID } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { createGatewayApi } from '../../src/client/api.js';
import { createGatewayHttp } from '../../src/client/http.js';
import { createGatewayAgent, type CountersignGateway } from '../../src/client/index.js';
import { editedBundle, emptyFolder } from '../unit/policy/bundle-folders.js';
import type { ActionView } from '../../src/record/action-view.js';
import { PLAIN_EXPORT, until, type PersonAtGateway } from './actors.js';
import { keptTexts } from './kept-texts.js';
import { startTestIssuer, type TestIssuer, type TokenChange } from './issuer.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import type { TestInstallation } from './installation.js';
import { startStack, type Stack } from './stack.js';

const SUBJECT = 'spiffe://example.org/ns/agents/sa/token-bot';
export const WORKLOAD_AUDIENCE = 'countersign-agents';
const PROMPTER_AUDIENCE = 'countersign-prompter';

/** A stack with agents that have no key, and issuers whose keys the test holds. */
export interface TokenStack extends Stack {
  /** Of the agents' tokens. */
  workloads: TestIssuer;
  /** Of people's tokens. */
  people: TestIssuer;
  /** Every token that was made: none of them may be found anywhere. */
  made: string[];
  workloadToken(change?: TokenChange): Promise<string>;
  prompterToken(person: string, change?: TokenChange): Promise<string>;
  agent(agentId?: string, claims?: JWTPayload): CountersignGateway;
  person(person: string): PersonAtGateway;
  /** Posts below `/v1`, with a bearer token or none. */
  post(path: string, body: unknown, token: string | null): Promise<Posted>;
  close(): Promise<void>;
}

/** An answer's status and, of a problem, what it says. */
export interface Posted {
  status: number;
  code: unknown;
  field: unknown;
}

/** Tokens of the people on whose behalf an agent asks. */
export interface OthersTokens {
  prompterTokens?: string[];
  schedulerTokens?: string[];
}

/** Asks for the plain export, and waits until people are asked. */
export async function holdExport(agent: CountersignGateway, tokens: OthersTokens = {}): Promise<ActionView> {
  const { actionId } = await agent.request({ ...PLAIN_EXPORT, ...tokens });
  return until(agent, actionId, ({ state }) => state === 'waiting');
}

/** Now, as tokens count time. */
export const seconds = (): number => Math.floor(Date.now() / 1_000);

/** `token-bot` is olivia's; paul, with a second account that is a DBA, and ben, a DBA, may prompt it. */
export async function startTokenStack(): Promise<TokenStack> {
  const [workloads, people] = await Promise.all([startTestIssuer(), startTestIssuer()]);
  const stack = await startStack({
    prepare: async (installation) => ({ policies: await tokenBundle(installation) }),
    extra: {
      gateway: {
        COUNTERSIGN_OIDC_ISSUER: people.issuer,
        COUNTERSIGN_OPEN_ACTIONS_PER_AGENT: '200',
        COUNTERSIGN_WORKLOAD_ISSUERS: JSON.stringify([
          { name: 'cluster', issuer: workloads.issuer, audience: WORKLOAD_AUDIENCE, algorithms: ['ES256'] },
        ]),
      },
    },
  });
  const made: string[] = [];
  const make = async (issuer: TestIssuer, change: TokenChange): Promise<string> => {
    const token = await issuer.token(change);
    made.push(token);
    return token;
  };
  const workloadToken = ({ claims = {}, ...change }: TokenChange = {}): Promise<string> => {
    const own = { aud: WORKLOAD_AUDIENCE, sub: SUBJECT, client_id: undefined };
    return make(workloads, { ...change, claims: { ...own, ...claims }, header: { typ: 'JWT', ...change.header } });
  };
  return {
    ...stack,
    workloads,
    people,
    made,
    workloadToken,
    prompterToken: (person, { claims = {}, ...change } = {}) =>
      make(people, { ...change, claims: { aud: PROMPTER_AUDIENCE, sub: person, ...claims } }),
    agent: (agentId = 'token-bot', claims = {}) =>
      createGatewayAgent({
        url: stack.gatewayUrl,
        tokens: { agentId, token: () => workloadToken({ claims }) },
      }),
    person: (person) => {
      const authorize = async (): Promise<string> => `Bearer ${await make(people, { claims: { sub: person } })}`;
      const api = createGatewayApi(createGatewayHttp({ baseUrl: stack.gatewayUrl, authorize }));
      return {
        ...api,
        async decideOn(actionId, decision, reason = 'looks right') {
          const { actionDigest } = await api.get(actionId);
          const idempotencyKey = randomUUID();
          return api.decide(actionId, { decision, reason, actionDigest: actionDigest ?? '', idempotencyKey });
        },
      };
    },
    async post(path, body, token) {
      const answer = await fetch(`${stack.gatewayUrl}/v1${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token !== null && { authorization: `Bearer ${token}` }) },
        body: JSON.stringify(body),
      });
      const { code, field } = (await answer.json()) as { code?: unknown; field?: unknown };
      return { status: answer.status, code, field };
    },
    async close() {
      await stack.close();
      await Promise.all([workloads.stop(), people.stop()]);
    },
  };
}

async function tokenBundle({ targets }: TestInstallation): Promise<string> {
  const second = { id: 'paul-admin', name: 'Paul Park', email: 'paul-admin@example.com', oidcSubject: 'paul-admin' };
  const person = JSON.stringify({ ...second, aliases: ['paul'] });
  const bot = { owner: 'olivia', prompters: ['paul', 'ben'], groups: ['data-agents'] };
  const agents = [
    { id: 'token-bot', name: 'Token bot', ...bot, jwt: { issuer: 'cluster', subject: SUBJECT } },
    {
      id: 'other-bot',
      name: 'Other bot',
      ...bot,
      jwt: { issuer: 'cluster', subject: 'other', audience: 'for-other-bot' },
    },
  ];
  const entries = agents.map((agent) => `  - ${JSON.stringify(agent)}\n`).join('');
  const edited = await editedBundle([
    { file: 'directory.yaml', from: '\n# Groups hold', to: `\n  - ${person}\n\n# Groups hold` },
    { file: 'directory.yaml', from: 'dba: [ben, carol,', to: 'dba: [ben, carol, paul-admin,' },
    { file: 'directory.yaml', from: null, to: entries },
  ]);
  const folder = await emptyFolder();
  const places = targets.map(({ name, host, port, database, tls, vault }) => [
    name,
    { host, port, database, tls, vault },
  ]);
  await writeBundle(edited, folder, { targets: Object.fromEntries(places) as Record<string, Record<string, unknown>> });
  return folder;
}

/** Parts of tokens (what is signed, and signatures) that the record or a history holds, in clear or in a payload. */
export async function keptTokens({ installation, client, made }: TokenStack): Promise<string[]> {
  const kept = await keptTexts({ installation, client });
  const parts = made.flatMap((token) => token.split('.').slice(1)).filter((text) => text.length > 20);
  return parts.filter((part) => kept.some((text) => text.includes(part)));
}
