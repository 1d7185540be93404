import { join } from 'node:path';
import { expect, it } from 'vitest';
import { agentOf, until } from '../support/actors.js';
import { launchChromium } from '../support/chromium.js';
import { visitConsole } from '../support/console.js';
import { startStackWithUi, wordsOn } from '../support/temporal-ui.js';

const file = join(import.meta.dirname, '..', '..', 'docs', 'pictures', 'temporal-ui.png');

it('an action that waits, in Temporal’s UI, for who is signed in', async () => {
  const [ui, browser] = await Promise.all([startStackWithUi(), launchChromium()]);
  try {
    const agent = agentOf(ui.stack);
    const query = 'select c.country, c.email from orders o join customers c on c.id = o.customer_id';
    const params = { target: 'orders', query, format: 'csv' };
    const { actionId } = await agent.request({ operation: 'database.export', params, reason: 'Monthly report' });
    await until(agent, actionId, ({ state }) => state === 'waiting');
    const screen = { viewport: { width: 1_560, height: 700 } };
    const { context } = await visitConsole(browser, ui.stack.gatewayUrl, 'Ben Berg', '/queue', screen);
    const page = await ui.open(context, actionId, 'user-metadata');
    await expect.poll(() => wordsOn(page), { timeout: 30_000 }).toContain('Waiting for');
    // What the words need of height is measured after they are there.
    await page.evaluate('new Promise((done) => setTimeout(done, 1000))');
    await page.screenshot({ path: file, animations: 'disabled' });
  } finally {
    await browser.close();
    await ui.close();
  }
});
