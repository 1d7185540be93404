import { join } from 'node:path';
import { it } from 'vitest';
import { renderAction } from '../../src/channels/teams/render.js';
import { launchChromium } from '../support/chromium.js';
import { openCard } from '../support/teams-card-page.js';
import { doneView, LOG, PUBLIC_URL, waitingView } from '../unit/slack/views.js';
import { directory } from '../unit/teams/views.js';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'pictures');

it.each([
  ['before', waitingView()],
  ['after', doneView()],
])('the card in Teams, %s', async (name, view) => {
  const browser = await launchChromium();
  const { page } = await openCard(browser, renderAction(view, { directory, publicUrl: PUBLIC_URL, log: LOG }).card);
  await page.locator('#card').screenshot({ path: join(folder, `teams-card-${name}.png`) });
  await browser.close();
});
