import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { startProcess } from '../../apps/devstack/services/process.js';
import type { FakeTeams } from '../fakes/teams/fake-teams.js';

/** Microsoft 365 Agents Playground on loopback, with the authentication that it lacks before and behind it. */
export interface Playground {
  /** Of its page; without a trailing slash. */
  url: string;
  /** Where gateway and worker are to look for the Bot Connector. */
  serviceUrl: string;
  /** Where its activities go from now on, and whether with the connector's token, as in production. */
  sendTo(gatewayUrl: string, how?: { signed: boolean }): void;
  /** Type of each activity that it sent, with the status of the gateway's answer, oldest first. */
  answers: { type: string; status: number }[];
  close(): Promise<void>;
}

export interface PlaygroundOptions {
  /** Signs the bot in, and makes the connector's tokens. */
  teams: FakeTeams;
  appId: string;
  tenantId: string;
  /** Id of the channel "Approvals". */
  channel: string;
  /** Who sits before the page. */
  user: { name: string; aadObjectId: string };
}

const ROOT = join(import.meta.dirname, '..', '..');
const CLI = join(ROOT, '.services', 'playground', 'node_modules', '@microsoft', 'm365agentsplayground', 'cli.js');

/**
 * Starts the playground. It sends no tokens
 * (https://learn.microsoft.com/microsoftteams/platform/teams-sdk/developer-tools/agents-playground/overview) but, where an app of Entra ID
 * is at hand, that one's; never the Bot Connector's. So it talks through a forwarder: what it sends gets the connector's token, and what comes
 * for it must bear one that the bot was given at its sign-in.
 */
export async function startPlayground(options: PlaygroundOptions): Promise<Playground> {
  if (!existsSync(CLI)) throw new Error(`There is no playground. Run: node scripts/setup.mjs --with=playground`);
  const port = await createPortChooser(() => undefined).choose('playground');
  const url = `http://127.0.0.1:${String(port)}`;
  const forwarder = await startForwarder(options.teams, url);
  const folder = await mkdtemp(join(tmpdir(), 'countersign-playground-'));
  await writeFile(join(folder, '.m365agentsplayground.yml'), JSON.stringify(settings(options)));
  const preload = join(import.meta.dirname, 'loopback-only.mjs');
  const flags = [
    '--app-endpoint',
    `${forwarder.url}/teams/messages`,
    '--channel-id',
    'msteams',
    '--port',
    String(port),
  ];
  flags.push('--service-url', forwarder.serviceUrl, '--disable-telemetry');
  const node = [globalThis.process.execPath, '--import', preload];
  const process = await startProcess({
    name: 'Microsoft 365 Agents Playground',
    executable: '/bin/sh',
    // It reads its settings from where it is started, and writes its log there.
    args: ['-c', 'cd "$0" && exec "$@"', folder, ...node, CLI, 'start', ...flags],
    env: { HOME: folder, TEAMSAPPTESTER_BROWSER: 'none' },
    logFile: join(folder, 'playground.log'),
  });
  const close = async (): Promise<void> => {
    await process.stop();
    await forwarder.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await process.untilReady(() => isThere(url));
  } catch (error) {
    await close();
    throw error;
  }
  return { url, serviceUrl: forwarder.serviceUrl, sendTo: forwarder.sendTo, answers: forwarder.answers, close };
}

/** The smallest settings that it takes: it wants five users besides the one at the page. */
function settings({ appId, tenantId, channel, user }: PlaygroundOptions): object {
  const account = (id: string, name: string, aadObjectId: string): object => {
    const [givenName = '', surname = ''] = name.split(' ');
    const email = `${givenName.toLowerCase()}@example.com`;
    return { id, name, aadObjectId, givenName, surname, email, userPrincipleName: email };
  };
  const others = ['One', 'Two', 'Three', 'Four', 'Five'].map((name, index) =>
    account(`29:${name}`, `${name} Other`, `00000000-0000-4000-8000-00000000009${String(index)}`),
  );
  return {
    version: '0.1.1',
    tenantId,
    bot: { id: `28:${appId}`, name: 'Countersign' },
    currentUser: account('29:user', user.name, user.aadObjectId),
    users: others,
    personalChat: { id: 'a:personal' },
    groupChat: { id: '19:group@thread.v2', name: 'Group' },
    team: {
      id: '19:team@thread.tacv2',
      name: 'Operations',
      aadGroupId: '00000000-0000-4000-8000-0000000000aa',
      channels: [{ id: channel, name: 'Approvals' }],
    },
  };
}

interface Forwarder extends Pick<Playground, 'serviceUrl' | 'sendTo' | 'answers' | 'close'> {
  url: string;
}

async function startForwarder(teams: FakeTeams, playgroundUrl: string): Promise<Forwarder> {
  const answers: Forwarder['answers'] = [];
  let target = { gatewayUrl: '', signed: true };
  const toPlayground = async (path: string, init: RequestInit, token: string): Promise<Response> =>
    teams.isIssued(token)
      ? fetch(`${playgroundUrl}/_connector/${path}`, init)
      : Response.json({ error: { code: 'Unauthorized' } }, { status: 401 });
  const toGateway = async (path: string, init: RequestInit, body: string): Promise<Response> => {
    if (body === '') return fetch(`${target.gatewayUrl}${path}`, init);
    const { type, serviceUrl } = JSON.parse(body) as { type: string; serviceUrl: string };
    const headers = new Headers(init.headers);
    if (target.signed) headers.set('authorization', `Bearer ${await teams.tokens.sign(serviceUrl)}`);
    const answer = await fetch(`${target.gatewayUrl}${path}`, { ...init, headers });
    answers.push({ type, status: answer.status });
    return answer;
  };
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url: path = '/', headers } = request;
    const body = await readText(request);
    const init = { method, headers: { 'content-type': 'application/json' }, ...(body !== '' && { body }) };
    const answer = path.startsWith('/connector/')
      ? await toPlayground(path.slice('/connector/'.length), init, (headers.authorization ?? '').replace('Bearer ', ''))
      : await toGateway(path, init, body);
    const type = answer.headers.get('content-type') ?? 'application/json';
    response.writeHead(answer.status, { 'content-type': type }).end(await answer.text());
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url,
    serviceUrl: `${url}/connector/`,
    sendTo: (gatewayUrl, { signed } = { signed: true }) => void (target = { gatewayUrl, signed }),
    answers,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function isThere(url: string): Promise<boolean> {
  const answer = await fetch(url).catch(() => undefined);
  return answer?.ok === true && (await answer.text()).includes('Microsoft 365 Agents Playground');
}
