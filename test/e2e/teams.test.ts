import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { objectsIn, startFakeTeams, textOf, type Click, type FakeTeams } from '../fakes/teams/fake-teams.js';
import type { Card, FakeTeamsMessage } from '../fakes/teams/teams-state.js';
import { agentOf, PLAIN_EXPORT, until } from '../support/actors.js';
import { anotherExport } from '../support/another-export.js';
import {
  CHANNEL,
  SLACK_USERS,
  startSlackStack,
  textOf as textInSlack,
  waitFor,
  type SlackStack,
} from '../support/slack-stack.js';
import { objectIdOf, teamsIds } from '../unit/teams/views.js';

/** The example directory's accounts. */
const PEOPLE = { ana: 1, ben: 2, carol: 3, dave: 4, erin: 5, olivia: 6, oliviaAdmin: 7 } as const;
/** The impatient plan: a DBA and a data owner. */
const PERSONAL_EXPORT = {
  operation: 'database.export',
  get params() {
    return { target: 'orders', query: 'select name, email from customers', format: 'csv', ...anotherExport() };
  },
  reason: 'Newsletter',
};

let office: SlackStack;
let teams: FakeTeams;
let agent: CountersignGateway;

beforeAll(async () => {
  teams = await startFakeTeams({ ...teamsIds, conversations: [teamsIds.channel], clock: Date.now, limitsPosts: true });
  for (const number of Object.values(PEOPLE)) teams.state.setMember(objectIdOf(number));
  office = await startSlackStack({
    COUNTERSIGN_TEAMS_APP_ID: teamsIds.appId,
    COUNTERSIGN_TEAMS_APP_PASSWORD: teamsIds.password,
    COUNTERSIGN_TEAMS_TENANT_IDS: teamsIds.tenantId,
    COUNTERSIGN_TEAMS_CONVERSATION: teamsIds.channel,
    COUNTERSIGN_TEAMS_SERVICE_URL: teams.serviceUrl,
    COUNTERSIGN_TEAMS_SERVICE_URLS: teams.serviceUrl,
    COUNTERSIGN_TEAMS_TOKEN_URL: teams.tokenUrl,
    COUNTERSIGN_TEAMS_OPENID_URL: teams.openIdUrl,
  });
  agent = agentOf(office.stack);
});
afterEach(() => {
  teams.failAll(null);
});
afterAll(async () => {
  await office.close();
  await teams.stop();
});

/** The card that shows an action, once there is one; there must never be two. */
function cardOf(actionId: string): FakeTeamsMessage | undefined {
  const [found, ...more] = teams.state.messages(teamsIds.channel).filter(({ card }) => textOf(card).includes(actionId));
  if (more.length > 0) throw new Error(`${String(more.length + 1)} cards show ${actionId}`);
  return found;
}

/** Waits until the card shows this; gives it as it then is. */
function shown(actionId: string, words: string): Promise<FakeTeamsMessage> {
  return waitFor(
    () => {
      const found = cardOf(actionId);
      return found !== undefined && textOf(found.card).includes(words) ? structuredClone(found) : undefined;
    },
    () => textOf(cardOf(actionId)?.card ?? { body: [] }) || 'no card',
  );
}

/** Requests an export and waits until both messages can be answered. */
async function opened(request: typeof PLAIN_EXPORT): Promise<{ actionId: string; card: FakeTeamsMessage }> {
  const { actionId } = await agent.request(request);
  await office.opened(actionId);
  const card = await shown(actionId, 'Approval needed');
  await waitFor(
    () => (teams.state.replies(teamsIds.channel, card.id).length > 0 ? true : undefined),
    () => 'nobody was asked in the thread',
  );
  return { actionId, card };
}

/** Presses a button; gives what whoever pressed it reads first, and the whole answer. */
async function press(
  message: FakeTeamsMessage,
  button: Click['button'],
  who: keyof typeof PEOPLE,
  reason?: string,
): Promise<{ words: string; text: string }> {
  const click = { message, button, aadObjectId: objectIdOf(PEOPLE[who]), ...(reason !== undefined && { reason }) };
  const answer = await teams.click(office.stack.gatewayUrl, click);
  expect(answer.status).toBe(200);
  const { value } = (await answer.json()) as { value: Card | string };
  const text = typeof value === 'string' ? value : textOf(value);
  return { words: text.split('\n')[0] ?? '', text };
}

const verbsIn = (card: unknown): unknown[] => objectsIn(card).flatMap(({ verb }) => (verb === undefined ? [] : [verb]));

describe('a review by two people', () => {
  it('is filled by one in Slack and one in Teams; both messages end alike; a third who clicks late sees who decided', async () => {
    const { actionId, card } = await opened(PERSONAL_EXPORT);
    const slackMessage = office.message(actionId);
    if (slackMessage === undefined) throw new Error('no message in Slack');
    const lateInSlack = office.slack.payloads.click({
      ...{ conversation: CHANNEL, ts: slackMessage.ts, button: 'countersign_approve', userId: SLACK_USERS.erin },
    });
    await office.click(slackMessage, 'approve', SLACK_USERS.ben);
    const half = await shown(actionId, 'Approved by Ben Berg (dba) in slack');
    expect(half.id).toBe(card.id);
    const { words } = await press(half, 'approve', 'carol');
    expect(words).toContain('it was the last one needed');
    const end = await shown(actionId, 'Done: database.export');
    const slackEnd = await office.shown(actionId, 'Done: database.export');
    for (const text of [textOf(end.card), textInSlack(slackEnd)]) {
      expect(text).toContain('approved by Ben Berg and Carol Chen');
      expect(text).toContain('Lease: revoked, and its end proven by');
    }
    expect(end.id).toBe(card.id);
    expect(verbsIn(end.card)).toEqual([]);
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done.decisions.map(({ person, channel, decision }) => [person, channel, decision])).toEqual([
      ['ben', 'slack', 'approve'],
      ['carol', 'teams', 'approve'],
    ]);
    // On the message as it was before: it was closed, and what they have before them now says by whom.
    const closed = /^Not counted: The review of this action is closed/;
    const late = await press(half, 'approve', 'erin');
    expect(late.words).toMatch(closed);
    expect(late.text).toContain('approved by Ben Berg and Carol Chen');
    const told = office.toldTo(SLACK_USERS.erin).length;
    await office.slack.send(office.stack.gatewayUrl, lateInSlack);
    const lateTold = await waitFor(
      () => office.toldTo(SLACK_USERS.erin)[told],
      () => 'nothing told',
    );
    expect(lateTold).toMatch(closed);
    expect(textInSlack(office.message(actionId) ?? slackEnd)).toContain('approved by Ben Berg and Carol Chen');
    expect((await agent.get(actionId)).decisions).toHaveLength(2);
  });
});

describe('a click in Teams', () => {
  it('that may not count changes nothing, and is on record', async () => {
    const { actionId, card } = await opened(PLAIN_EXPORT);
    const stale = structuredClone(card);
    for (const { data } of objectsIn(stale.card).filter(({ type }) => type === 'Action.Execute'))
      (data as Record<string, string>)['actionDigest'] = 'cd'.repeat(32);
    const attempts: [string, FakeTeamsMessage, keyof typeof PEOPLE, RegExp, string][] = [
      ['the owner of the agent', card, 'olivia', /You may not decide on this/, 'self_approval'],
      ['an alias of the owner, who is a DBA', card, 'oliviaAdmin', /You may not decide on this/, 'self_approval'],
      ['somebody who is in no group that is asked', card, 'ana', /in none of the groups/, 'not_an_approver'],
      ['a stale card', stale, 'ben', /another version/, 'digest_mismatch'],
    ];
    for (const [name, message, who, words] of attempts)
      expect((await press(message, 'approve', who)).words, name).toMatch(words);
    const view = await agent.get(actionId);
    expect(view).toMatchObject({ state: 'waiting', decisions: [] });
    expect(view.refusals.map(({ code }) => code)).toEqual(attempts.map(([, , , , code]) => code));
    expect(cardOf(actionId)?.card).toEqual(card.card);

    expect((await press(card, 'deny', 'ben', 'Ask for fewer columns.')).words).toContain('Denied.');
    const end = await shown(actionId, 'Denied: database.export');
    expect(textOf(end.card)).toContain('“Ask for fewer columns.”');
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done.decisions).toMatchObject([{ person: 'ben', decision: 'deny', channel: 'teams' }]);
  });
});

describe('when Teams is away', () => {
  it('people decide elsewhere, and one card shows the end', async () => {
    teams.failAll({ status: 429, headers: { 'retry-after': '1' } });
    const { actionId } = await agent.request(PLAIN_EXPORT);
    const message = await office.opened(actionId);
    await office.click(message, 'approve', SLACK_USERS.ben);
    await until(agent, actionId, ({ state }) => state === 'done');
    expect(cardOf(actionId)).toBeUndefined();
    teams.failAll(null);
    const end = await shown(actionId, 'Done: database.export');
    expect(textOf(end.card)).toContain('approved by Ben Berg');
    await office.stack.client.workflow.getHandle(workflowIdOf(actionId)).result();
    expect(cardOf(actionId)).toBeDefined();
  });
});
