import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Session } from '../../apps/console/api/types.js';
import { NIGHT_MS } from './sample-action.js';

const files = join(import.meta.dirname, '..', '..', 'dist', 'console');

export interface Screen {
  width: number;
  height: number;
  deviceScaleFactor: number;
  colorScheme: 'light' | 'dark';
}

const session: Session = {
  person: { id: 'ben', name: 'Ben Berg', groups: ['dba'] },
  signedInAtMs: NIGHT_MS - 60_000,
  authTimeMs: NIGHT_MS - 60_000,
  acr: null,
  expiresAtMs: NIGHT_MS + 8 * 3_600_000,
  csrf: 'x',
};

/** The built console at `path`, with answers of the gateway by path; its clock stands still. */
export async function openConsole(
  browser: Browser,
  screen: Screen,
  path: string,
  answers: Readonly<Record<string, unknown>>,
): Promise<Page> {
  const { width, height, ...rest } = screen;
  const context = await browser.newContext({
    viewport: { width, height },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...rest,
  });
  const page = await context.newPage();
  await page.clock.setFixedTime(NIGHT_MS);
  const known: Readonly<Record<string, unknown>> = { '/session': session, ...answers };
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname.startsWith('/assets/')) return route.fulfill({ path: join(files, pathname) });
    if (pathname.endsWith('/events')) return route.fulfill({ contentType: 'text/event-stream', body: ': quiet\n\n' });
    if (known[pathname] !== undefined) return route.fulfill({ json: known[pathname] });
    if (pathname.startsWith('/v1/'))
      return route.fulfill({ status: 404, json: { code: 'not_found', detail: 'Not here.' } });
    return route.fulfill({ contentType: 'text/html', body: await readFile(join(files, 'index.html'), 'utf8') });
  });
  await page.goto(`http://console.test${path}`);
  await page.locator('h1').waitFor();
  await page.waitForFunction('Array.from(document.images).every((image) => image.naturalWidth > 0)');
  return page;
}
