import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, PLAIN_EXPORT, until } from '../support/actors.js';
import { launchChromium } from '../support/chromium.js';
import { BUILT_CONSOLE, visitConsole } from '../support/console.js';
import { startStack, type Stack } from '../support/stack.js';

// Its pages are heavy, and a busy machine is slow to draw them.
const WAIT_MS = 60_000;

let stack: Stack;
let browser: Browser;
let uiUrl: string;

beforeAll(async () => {
  ({ uiUrl } = inject('services').temporal);
  const settings = { COUNTERSIGN_CONSOLE_DIR: BUILT_CONSOLE, COUNTERSIGN_TEMPORAL_UI_ORIGINS: uiUrl };
  [stack, browser] = await Promise.all([startStack({ extra: { gateway: settings } }), launchChromium()]);
});
afterAll(async () => {
  await browser.close();
  await stack.close();
});

/** The action in Temporal's UI, set to have payloads decoded by our gateway with the browser's cookies. */
async function openAction(context: BrowserContext, actionId: string): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  // What its settings' dialog writes.
  const settings = {
    endpoint: `${stack.gatewayUrl}/codec`,
    includeCredentials: true,
    overrideRemoteCodecConfiguration: true,
  };
  for (const [name, value] of Object.entries(settings))
    await page.addInitScript(`localStorage.setItem(${JSON.stringify(name)}, ${JSON.stringify(JSON.stringify(value))})`);
  const path = `namespaces/${stack.namespace}/workflows/${encodeURIComponent(workflowIdOf(actionId))}`;
  await page.goto(`${uiUrl}/${path}`);
  return page;
}

it(
  'Temporal’s own UI shows an action in clear to who is signed in to the full view, and to nobody else',
  async () => {
    const agent = agentOf(stack);
    const { actionId } = await agent.request(PLAIN_EXPORT);
    await until(agent, actionId, ({ state }) => state === 'waiting');

    const { context } = await visitConsole(browser, stack.gatewayUrl, 'Ben Berg', '/queue');
    const clear = await openAction(context, actionId);
    await clear.getByText('application/vnd.in-toto+json').first().waitFor();
    await clear.getByText('Admit, preview, policy').first().waitFor();

    const stranger = await browser.newContext();
    const answered = stranger.waitForEvent('response', {
      predicate: (response) => response.url().includes('/codec/'),
      timeout: WAIT_MS,
    });
    const encrypted = await openAction(stranger, actionId);
    expect((await answered).status()).toBe(401);
    await encrypted.getByText('binary/encrypted').or(encrypted.getByText('privilegedAction')).first().waitFor();
    await encrypted.getByText('Reminder 1').or(encrypted.getByText('prepare')).first().waitFor();
    expect(await encrypted.locator('body').innerText()).not.toMatch(/in-toto|Admit, preview, policy/);
  },
  3 * WAIT_MS,
);
