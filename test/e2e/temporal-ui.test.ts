import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { agentOf, personAt, PLAIN_EXPORT, until } from '../support/actors.js';
import { launchChromium } from '../support/chromium.js';
import { visitConsole } from '../support/console.js';
import { DRAWN_WITHIN_MS, startStackWithUi, wordsOn, type StackWithUi } from '../support/temporal-ui.js';

let ui: StackWithUi;
let browser: Browser;

beforeAll(async () => {
  [ui, browser] = await Promise.all([startStackWithUi(), launchChromium()]);
});
afterAll(async () => {
  await browser.close();
  await ui.close();
});

async function expectWords(page: Page, ...words: string[]): Promise<void> {
  for (const each of words) await expect.poll(() => wordsOn(page), { timeout: DRAWN_WITHIN_MS }).toContain(each);
}

it(
  'Temporal’s own UI, as it comes, shows an action in clear to who is signed in to the full view, and to nobody else',
  async () => {
    const agent = agentOf(ui.stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    const { expiresAtMs } = await until(agent, actionId, ({ state }) => state === 'waiting');
    const about = [
      'database.export on orders, asked by export-bot',
      `Action ${actionId} of agent export-bot.`,
      'Asked by agent export-bot; risk: medium; round 1.',
      `Waiting for dba:1, until ${new Date(expiresAtMs).toISOString()}; then it expires, which means denied.`,
      'Policy: prod-export.',
      'Lease: none.',
    ];
    const steps = ['application/vnd.in-toto+json', 'Admit, preview, policy', 'Reminder 1'];

    const { context } = await visitConsole(browser, ui.stack.gatewayUrl, 'Ben Berg', '/queue');
    const metadata = await ui.open(context, actionId, 'user-metadata');
    await expectWords(metadata, ...about);
    await expectWords(await ui.open(context, actionId, 'timeline'), ...steps);

    const stranger = await browser.newContext();
    const [sealedMetadata, sealedTimeline] = [
      await ui.open(stranger, actionId, 'user-metadata'),
      await ui.open(stranger, actionId, 'timeline'),
    ];
    // What is drawn where the words would be.
    await expectWords(sealedMetadata, 'No summary available', 'No details available', 'No Current Details');
    await expectWords(sealedTimeline, 'privilegedAction', 'prepare');
    for (const page of [sealedMetadata, sealedTimeline]) {
      await expectWords(page, 'Sign in to the full view to read what is encrypted');
      const link = page.getByRole('link', { name: `${ui.stack.gatewayUrl}/queue` });
      expect(await link.getAttribute('href')).toBe(`${ui.stack.gatewayUrl}/queue`);
      const words = await wordsOn(page);
      expect([...about, ...steps].filter((each) => words.includes(each))).toEqual([]);
    }

    const ben = await personAt(ui.stack, 'ben');
    await ben.decideOn(actionId, 'approve');
    await until(agent, actionId, ({ lease }) => lease === 'revoked');
    await metadata.reload();
    await expectWords(metadata, 'Lease: revoked.');
  },
  6 * DRAWN_WITHIN_MS,
);
