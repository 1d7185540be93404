import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examplePolicies, placesOfTargets } from '../../apps/devstack/place.js';
import type { RefusalCode } from '../../src/core/errors.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { writeBundle } from '../../src/policy/write-bundle.js';
import type { ActionView } from '../../src/record/action-view.js';
import { startFakeSlack, type FakeSlack } from '../fakes/slack/fake-slack.js';
import { startFakeSocket, type FakeSocket } from '../fakes/slack/fake-socket.js';
import { startFakeTeams, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { agentOf, until as untilView } from '../support/actors.js';
import { anotherExport } from '../support/another-export.js';
import { startStack, type Stack } from '../support/stack.js';
import { until } from '../support/until.js';
import { objectIdOf, teamsIds } from '../unit/teams/views.js';
import type { Answer, Attempt } from './channel-subject.js';

/** People of the example, and the number of their accounts. */
export const PEOPLE = {
  ana: { name: 'Ana Alves', number: 1 },
  ben: { name: 'Ben Berg', number: 2 },
  carol: { name: 'Carol Chen', number: 3 },
  olivia: { name: 'Olivia Ortiz', number: 6 },
  'olivia-admin': { name: 'Olivia Ortiz (admin)', number: 7 },
  paul: { name: 'Paul Park', number: 8 },
  gus: { name: 'Gus Gold', number: 10 },
  hana: { name: 'Hana Hart', number: 11 },
} as const;
export type Who = keyof typeof PEOPLE;
export const everybody = Object.keys(PEOPLE) as Who[];

export const SLACK = {
  teamId: 'T0000001',
  appId: 'A0000001',
  channel: 'C0000001',
  userOf: (who: Who): string => `U${String(PEOPLE[who].number).padStart(7, '0')}`,
} as const;

/** Queries whose flags lead to one plan each. */
const QUERIES = {
  /** One DBA. */
  plain: "select id, status from orders where status <> 'none'",
  /** A DBA and a data owner. */
  two: 'select name, email from customers',
  /** One DBA, in the full view only. */
  web: 'select id, email from customers where id < 10',
} as const;

const WEB_PERMIT = `
@id("web-export")
@review("dba:1")
@expire("1h")
@lease("2m")
@assurance("web")
permit (principal in AgentGroup::"data-agents", action == Action::"database.export", resource in Environment::"production")
when { context.flags.contains("personal_data") } unless { context.flags.contains("no_where") };
`;

/** One Countersign with all channels, and the clouds that two of them need. */
export interface Office {
  stack: Stack;
  agent: CountersignGateway;
  slack: FakeSlack;
  slackSocket: FakeSocket;
  teams: FakeTeams;
  request(plan: keyof typeof QUERIES, lifetimeMs?: number): Promise<string>;
  /** Asks for the same once more, for another reason. */
  requestAgain(actionId: string): Promise<{ actionId: string; joined: boolean }>;
  /** Waits until people are asked. */
  waiting(actionId: string): Promise<ActionView>;
  /** Waits until a chat's message about the action is noted. */
  noted(channelName: 'slack' | 'teams', actionId: string): Promise<void>;
  /** All of an action that a decision would change: what is on record, and what its workflow was told from outside. */
  standing(actionId: string): Promise<Standing>;
  /** All refusals on record, oldest first. */
  refusals(): Promise<{ code: RefusalCode; message: string }[]>;
  /** What a chat's words mean: chats tell refusals in words only, and the record has the same words with their code. */
  meaningOf(words: string): Promise<Answer>;
  /** Waits for what came of an attempt that a chat could not answer in time: more refusals than before, or the decision. */
  laterMeaning(attempt: Attempt, refusalsBefore: number): Promise<Answer>;
  close(): Promise<void>;
}

/** Equal before and after whatever changed nothing. */
export interface Standing extends Pick<ActionView, 'state' | 'round' | 'decisions'> {
  /** Decisions and withdrawals about anything. */
  onRecord: number;
  /** Updates that its workflow accepted, signals, requests to cancel. */
  toldFromOutside: number;
}

type Asked = Parameters<CountersignGateway['request']>[0];

export interface OfficeOptions {
  /** Further settings of the gateway. */
  gateway?: Record<string, string>;
  /** Changes the directory, as text. */
  arrange?: (directory: string) => string;
}

export async function startOffice({ gateway = {}, arrange = (text) => text }: OfficeOptions = {}): Promise<Office> {
  const clouds = await startClouds();
  const folder = await mkdtemp(join(tmpdir(), 'countersign-office-'));
  const chats = { ...clouds.slackSettings, ...clouds.teamsSettings };
  const stack = await startStack({
    extra: { worker: chats, notary: chats, gateway: { ...chats, ...clouds.gatewaySettings, ...gateway } },
    prepare: async (installation) => {
      await writeBundle(examplePolicies, folder, { targets: placesOfTargets(installation) });
      await appendFile(join(folder, 'database-export.cedar'), WEB_PERMIT);
      await arrangePeople(join(folder, 'directory.yaml'), arrange);
      return { policies: folder };
    },
  });
  const agent = agentOf(stack);
  const { slack, slackSocket, teams } = clouds;
  const asked = new Map<string, Asked>();
  const inRecord = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> =>
    stack.installation.inRecord(async (client) => (await client.query<T>(text, values)).rows);
  const refusals: Office['refusals'] = async () => {
    const text =
      "select envelope::text as envelope from countersign.statements where kind = 'refusal' order by sequence";
    return (await inRecord<{ envelope: string }>(text)).map(({ envelope }) => {
      const { payload } = JSON.parse(envelope) as { payload: string };
      type Refused = { predicate: { body: { code: RefusalCode; message: string } } };
      return (JSON.parse(Buffer.from(payload, 'base64').toString()) as Refused).predicate.body;
    });
  };
  return {
    stack,
    agent,
    slack,
    slackSocket,
    teams,
    refusals,
    async request(plan, lifetimeMs) {
      const params = { target: 'orders', query: QUERIES[plan], format: 'csv', ...anotherExport() };
      const request = { operation: 'database.export', params, reason: 'Monthly report' };
      const { actionId } = await agent.request({ ...request, ...(lifetimeMs !== undefined && { lifetimeMs }) });
      asked.set(actionId, request);
      return actionId;
    },
    async requestAgain(actionId) {
      const first = asked.get(actionId);
      if (first === undefined) throw new Error(`${actionId} was not asked for here`);
      const again = await agent.request({ ...first, reason: 'Impatience' });
      return { actionId: again.actionId, joined: again.joined };
    },
    waiting: (actionId) => untilView(agent, actionId, ({ state }) => state === 'waiting', 60_000),
    noted: (channelName, actionId) =>
      until(async () => {
        const text = `select 1 from countersign.channel_messages
          where channel_name = $1 and subject = $2 and slot = 'message' and state = 'posted'`;
        return (await inRecord(text, [channelName, actionId])).length === 1;
      }),
    async standing(actionId) {
      const { state, round, decisions } = await agent.get(actionId);
      const text = "select count(*)::int as found from countersign.statements where kind in ('decision', 'withdrawal')";
      const [row] = await inRecord<{ found: number }>(text);
      const { events } = await stack.client.workflow.getHandle(workflowIdOf(actionId)).fetchHistory();
      const fromOutside = (events ?? []).filter(
        (event) =>
          event.workflowExecutionUpdateAcceptedEventAttributes ??
          event.workflowExecutionSignaledEventAttributes ??
          event.workflowExecutionCancelRequestedEventAttributes,
      );
      return { state, round, decisions, onRecord: row?.found ?? 0, toldFromOutside: fromOutside.length };
    },
    async meaningOf(words) {
      if (/^(?:Your approval counts|Denied)\b/.test(words)) return { refused: null, words };
      const same = (await refusals()).filter(({ message }) => lettersOf(words).endsWith(lettersOf(message)));
      const found = same.at(-1);
      if (found === undefined) throw new Error(`not on record: ${words}`);
      return { refused: found.code, words };
    },
    async laterMeaning({ shown, who }, refusalsBefore) {
      let answer: Answer | undefined;
      await until(async () => {
        const refusal = (await refusals())[refusalsBefore];
        const { decisions } = await agent.get(shown.actionId);
        if (decisions.some(({ person }) => person === who)) answer = { refused: null, words: '' };
        else if (refusal !== undefined) answer = { refused: refusal.code, words: refusal.message };
        return answer !== undefined;
      });
      return answer ?? { refused: null, words: '' };
    },
    async close() {
      await stack.close();
      await Promise.all([slack.stop(), slackSocket.stop(), teams.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What escaping leaves alone. */
function lettersOf(words: string): string {
  return words.replace(/[^a-z0-9]/gi, '').toLowerCase();
}

/** Hana and a prompter are DBAs here as well; Hana is away, and Gus stands in for her. Of the DBAs Carol is on call. */
async function arrangePeople(file: string, arrange: (text: string) => string): Promise<void> {
  const [begins, ends] = [-1, 1].map((days) => new Date(Date.now() + days * 86_400_000).toISOString());
  const before = await readFile(file, 'utf8');
  // As the bundle is written, it may be in block or flow style.
  const after = before.replace(/dba: \[ ?ben, carol, olivia-admin ?\]/, 'dba: [ben, carol, hana, olivia-admin, paul]');
  if (after === before) throw new Error('the example has other DBAs');
  const away = `delegations:\n  - { from: hana, to: gus, groups: [dba], begins: ${begins ?? ''}, ends: ${ends ?? ''} }\n`;
  const turns = `{ people: [carol], timeZone: Europe/Berlin, begins: '2026-01-05T09:00', every: 7d }`;
  const onCall = `onCall:\n  dba:\n    - kind: rotation\n      layers: [${turns}]\n`;
  await writeFile(file, arrange(`${after}\n${away}${onCall}`));
}

async function startClouds() {
  const botToken = 'xoxb-000000000000-test';
  const appToken = 'xapp-test';
  const signingSecret = '0123456789abcdef0123456789abcdef';
  const slackSocket = await startFakeSocket();
  const slack = await startFakeSlack({
    teamId: SLACK.teamId,
    appId: SLACK.appId,
    conversations: [SLACK.channel],
    signingSecret,
    botToken,
    clock: Date.now,
    socket: { appToken, open: () => slackSocket.open() },
  });
  const teams = await startFakeTeams({ ...teamsIds, conversations: [teamsIds.channel], clock: Date.now });
  for (const who of everybody) {
    slack.state.setUser(SLACK.userOf(who), {});
    teams.state.setMember(objectIdOf(PEOPLE[who].number));
  }
  return {
    slack,
    slackSocket,
    teams,
    slackSettings: {
      COUNTERSIGN_SLACK_BOT_TOKEN: botToken,
      COUNTERSIGN_SLACK_TEAM_ID: SLACK.teamId,
      COUNTERSIGN_SLACK_CHANNEL: SLACK.channel,
      COUNTERSIGN_SLACK_API_URL: slack.apiUrl,
    },
    teamsSettings: {
      COUNTERSIGN_TEAMS_APP_ID: teamsIds.appId,
      COUNTERSIGN_TEAMS_APP_PASSWORD: teamsIds.password,
      COUNTERSIGN_TEAMS_TENANT_IDS: teamsIds.tenantId,
      COUNTERSIGN_TEAMS_CONVERSATION: teamsIds.channel,
      COUNTERSIGN_TEAMS_SERVICE_URL: teams.serviceUrl,
      COUNTERSIGN_TEAMS_SERVICE_URLS: teams.serviceUrl,
      COUNTERSIGN_TEAMS_TOKEN_URL: teams.tokenUrl,
      COUNTERSIGN_TEAMS_OPENID_URL: teams.openIdUrl,
    },
    gatewaySettings: {
      COUNTERSIGN_SLACK_APP_ID: SLACK.appId,
      COUNTERSIGN_SLACK_SIGNING_SECRET: signingSecret,
      COUNTERSIGN_SLACK_APP_TOKEN: appToken,
      COUNTERSIGN_OPEN_ACTIONS_PER_AGENT: '100',
    },
  };
}
