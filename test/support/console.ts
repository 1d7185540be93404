import { join } from 'node:path';
import axe from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Action } from '../../apps/console/api/types.js';

/** Where `scripts/build.mjs` puts the full view. */
export const BUILT_CONSOLE = join(import.meta.dirname, '..', '..', 'dist', 'console');

/** A person at a browser of their own. */
export interface ConsoleVisitor {
  context: BrowserContext;
  page: Page;
  /** What the browser complained of: errors of scripts, and what the content policy stopped. */
  complaints: string[];
}

/** Signs a person in by the provider's own page, and comes out at `path`. */
export async function visitConsole(
  browser: Browser,
  gatewayUrl: string,
  personName: string,
  path: string,
  options: BrowserContextOptions = {},
): Promise<ConsoleVisitor> {
  const context = await browser.newContext({ baseURL: gatewayUrl, locale: 'en-GB', ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // An answer that is an error is part of some tests.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  await page.goto(path);
  await page.getByRole('button', { name: personName, exact: true }).click();
  await page.waitForURL((url) => url.href.startsWith(gatewayUrl) && !url.pathname.startsWith('/callback'));
  await page.locator('h1').waitFor();
  return { context, page, complaints };
}

/** What axe finds wrong on a page, one line each. */
export async function axeViolations(page: Page): Promise<string[]> {
  // As the debugger runs it, the page's own content policy stays on.
  await page.evaluate(axe.source);
  const found: { violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] } =
    await page.evaluate(
      `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
    );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  );
}

/** How much wider the page is than its window. */
export async function sidewaysScroll(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

/** Both colours, a phone's width: no rule is broken, and nothing scrolls sideways. */
export async function expectFit(page: Page): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await axeViolations(page)).toEqual([]);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  expect(await sidewaysScroll(page)).toBe(0);
  await page.setViewportSize({ width: 1_280, height: 800 });
}

/** Shows the action otherwise than it is; decisions on it are real. */
export async function alter(page: Page, actionId: string, change: (action: Action) => Action): Promise<void> {
  await page.route(`**/v1/actions/${actionId}`, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: change((await answer.json()) as Action) });
  });
}

/** Presses Tab until what is wanted has the focus. */
export async function tabTo(page: Page, wanted: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab');
    if (await page.locator(`${wanted}:focus`).count()) return;
  }
  throw new Error(`the keyboard never reaches ${wanted}`);
}
