import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { startFakeTeams, type FakeTeams } from '../fakes/teams/fake-teams.js';
import { agentOf, PLAIN_EXPORT } from '../support/actors.js';
import { launchChromium } from '../support/chromium.js';
import { startStack, type Stack } from '../support/stack.js';
import { startPlayground, type Playground } from '../support/teams-playground.js';
import { until } from '../support/until.js';
import { objectIdOf, teamsIds } from '../unit/teams/views.js';

/** A DBA of the example directory, who sits before the playground. */
const BEN = { name: 'Ben Berg', aadObjectId: objectIdOf(2) };

let teams: FakeTeams;
let playground: Playground;
let stack: Stack;
let agent: CountersignGateway;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  teams = await startFakeTeams({ ...teamsIds, conversations: [], clock: Date.now });
  playground = await startPlayground({ ...teamsIds, teams, user: BEN });
  const settings = {
    COUNTERSIGN_TEAMS_APP_ID: teamsIds.appId,
    COUNTERSIGN_TEAMS_APP_PASSWORD: teamsIds.password,
    COUNTERSIGN_TEAMS_TENANT_IDS: teamsIds.tenantId,
    COUNTERSIGN_TEAMS_CONVERSATION: teamsIds.channel,
    COUNTERSIGN_TEAMS_SERVICE_URL: playground.serviceUrl,
    COUNTERSIGN_TEAMS_SERVICE_URLS: playground.serviceUrl,
    COUNTERSIGN_TEAMS_TOKEN_URL: teams.tokenUrl,
    COUNTERSIGN_TEAMS_OPENID_URL: teams.openIdUrl,
  };
  [stack, browser] = await Promise.all([
    startStack({ extra: { worker: settings, notary: settings, gateway: settings } }),
    launchChromium(),
  ]);
  agent = agentOf(stack);
  playground.sendTo(stack.gatewayUrl);
  page = await browser.newPage({ viewport: { width: 1280, height: 1500 } });
  // Its page would fetch fonts.
  await page.route(
    ({ hostname }) => hostname !== '127.0.0.1',
    (route) => route.abort(),
  );
  await page.goto(playground.url);
  await page.getByText('Approvals').first().click();
});
afterAll(async () => {
  await browser.close();
  await stack.close();
  await playground.close();
  await teams.stop();
});

/** The card of a new export, as the playground draws it unasked. */
async function posted(): Promise<{ actionId: string; card: Locator }> {
  const { actionId } = await agent.request(PLAIN_EXPORT);
  const card = page.locator('.ac-adaptiveCard').filter({ hasText: actionId });
  await card.getByText(/Approval needed: /).waitFor({ timeout: 30_000 });
  return { actionId, card };
}

/** A picture for the docs, where `COUNTERSIGN_TEST_PICTURES` names a folder for it; without the playground's log, which names ours. */
async function picture(name: string): Promise<void> {
  const folder = process.env['COUNTERSIGN_TEST_PICTURES'];
  const clip = { x: 0, y: 0, width: 948, height: 1500 };
  if (folder !== undefined) await page.screenshot({ path: join(folder, `teams-playground-${name}.png`), clip });
}

const button = (card: Locator, name: string): Locator => card.getByRole('button', { name, exact: true });

describe("Microsoft's playground, a client of Teams,", () => {
  it('is reached on 127.0.0.1 alone', async () => {
    await expect(fetch(playground.url.replace('127.0.0.1', '127.0.0.2'))).rejects.toThrow();
  });

  it('approves by the card; its click counts only with a token of the connector', async () => {
    const { actionId, card } = await posted();
    await picture('before');

    playground.sendTo(stack.gatewayUrl, { signed: false });
    await button(card, 'Approve').click();
    await until(async () => playground.answers.some(({ type, status }) => type === 'invoke' && status === 401));
    expect(await agent.get(actionId)).toMatchObject({ state: 'waiting', decisions: [] });

    playground.sendTo(stack.gatewayUrl);
    await button(card, 'Approve').click();
    await card.getByText(/Done: /).waitFor({ timeout: 30_000 });
    expect(await card.getByRole('button', { name: /Approve|Deny/ }).count()).toBe(0);
    await picture('after');
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done.decisions).toMatchObject([{ person: 'ben', decision: 'approve', channel: 'teams' }]);
  });

  it('denies by the card, with the reason that is written there', async () => {
    const { actionId, card } = await posted();
    await button(card, 'Deny …').click();
    await card.getByLabel(/Why\?/).fill('Ask for fewer columns.');
    await picture('deny');
    await button(card, 'Deny').click();
    await card.getByText(/Denied: /).waitFor({ timeout: 30_000 });
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done.decisions).toMatchObject([
      { person: 'ben', decision: 'deny', channel: 'teams', reason: 'Ask for fewer columns.' },
    ]);
  });
});
