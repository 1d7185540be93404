import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, it } from 'vitest';
import type { Action } from '../../apps/console/api/types.js';
import type { ActionView } from '../../src/record/action-view.js';
import { launchChromium } from '../support/chromium.js';
import { exportView, grantView, sshView, vaultPolicyView } from '../unit/rendering/operation-views.js';
import { planViewForPeople } from '../unit/rendering/plan-views.js';
import { policyViewForPeople } from '../unit/rendering/policy-views.js';
import { openConsole, type Screen } from './open-console.js';
import {
  ALARMS,
  askedAtNight,
  brokenAction,
  burningAction,
  debtsFor,
  finishedAction,
  FREEZES,
  INCIDENTS,
  inThePlaceOf,
  summaryOf,
} from './sample-action.js';
import { policyChangeView } from './sample-policy-change.js';

const folder = join(import.meta.dirname, '..', '..', 'docs', 'pictures');
const QUERY =
  "select c.country, c.email, sum(o.total_cents) as total\nfrom orders o join customers c on c.id = o.customer_id\nwhere o.placed_at >= '2026-11-01'\ngroup by 1, 2";

const views: Record<string, ActionView> = {
  'database-export': exportView(QUERY),
  'aws-iam-policy': policyViewForPeople(),
  'infra-apply': planViewForPeople(),
  'database-grant': grantView(),
  'vault-policy': await vaultPolicyView(),
  'ssh-command': sshView(),
  'policy-change': await policyChangeView(),
};
const asked = Object.entries(views).map(([name, view]) => [name, askedAtNight(view)] as const);

const PHONE = { width: 390, height: 844, deviceScaleFactor: 2 };
const DESKTOP = { width: 1280, height: 960, deviceScaleFactor: 1 };
const LIGHT: readonly (readonly [suffix: string, screen: Screen])[] = [
  ['phone', { ...PHONE, colorScheme: 'light' }],
  ['desktop', { ...DESKTOP, colorScheme: 'light' }],
];
const DARK: typeof LIGHT = [
  ['phone-dark', { ...PHONE, colorScheme: 'dark' }],
  ['desktop-dark', { ...DESKTOP, colorScheme: 'dark' }],
];

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

it.each(asked)('%s, as people are asked for it', async (name, action) => {
  await take(name, action);
});

it.each([asked[0], asked[2]].filter((one) => one !== undefined))('%s, in the dark', async (name, action) => {
  await take(name, action, DARK);
});

it('a finished action', async () => {
  const [, action] = asked[0] ?? [];
  if (action !== undefined) await take('finished', finishedAction(action));
});

it('the second step before something critical', async () => {
  const grave = asked.find(([, { risk }]) => risk === 'critical');
  if (grave === undefined) throw new Error('none of the samples is critical');
  await take('second-step', grave[1], LIGHT, async (page) => {
    await page.getByRole('button', { name: 'Approve…' }).click();
  });
});

it('an action in the place of an earlier one', async () => {
  const [, action] = asked[3] ?? [];
  if (action !== undefined) await take('replaces', inThePlaceOf(action));
});

it('the search', async () => {
  const how = [brokenAction, (action: Action) => action, finishedAction, (action: Action) => action];
  const finished = asked.map(([, action], index) => summaryOf(how[index % how.length]?.(action) ?? action, index));
  const found = finished.filter(({ target }) => target?.name === 'orders');
  const answers = { '/v1/actions': { actions: found, unreadable: [], next: 'x' } };
  for (const [suffix, screen] of LIGHT)
    await shoot(`search-${suffix}`, await openConsole(browser, screen, '/actions?q=orders', answers));
});

it('incidents, and what stops work', async () => {
  const answers = { '/v1/incidents': INCIDENTS, '/v1/freezes': FREEZES, '/v1/alarms': ALARMS };
  for (const [suffix, screen] of [...LIGHT, ...DARK]) {
    const page = await openConsole(browser, screen, '/actions?show=incidents', answers);
    await page.getByRole('complementary', { name: 'What stops work now' }).waitFor();
    await shoot(`incidents-${suffix}`, page);
  }
});

it('the second step before the glass is broken', async () => {
  const [, action] = asked[0] ?? [];
  if (action === undefined) throw new Error('there is no sample');
  await take('break-glass', burningAction(action), LIGHT, async (page) => {
    await page.getByRole('button', { name: 'Break the glass…' }).click();
    await page.getByRole('textbox', { name: 'What burns' }).fill('Checkout is down, and I have seen the orders go.');
    await page.getByRole('textbox', { name: 'Type break the glass' }).fill('break the glass');
  });
});

it('a broken glass, and what is owed for it', async () => {
  const [, action] = asked[0] ?? [];
  if (action === undefined) throw new Error('there is no sample');
  const broken = brokenAction(action);
  const debts = debtsFor(broken);
  await take('glass-broken', broken, [...LIGHT, ...DARK], undefined, { '/v1/debts': debts });
  const queue = { revision: '1', actions: [], unreadable: [], truncated: false };
  for (const [suffix, screen] of LIGHT)
    await shoot(
      `glass-owed-${suffix}`,
      await openConsole(browser, screen, '/queue', { '/v1/queue': queue, '/v1/debts': debts }),
    );
});

it('the queue', async () => {
  const queue = {
    revision: '1',
    actions: asked.map(([, action], index) => summaryOf(action, index)),
    unreadable: [],
    truncated: false,
  };
  for (const [suffix, screen] of [...LIGHT, ...DARK])
    await shoot(`queue-${suffix}`, await openConsole(browser, screen, '/queue', { '/v1/queue': queue }));
});

async function take(
  name: string,
  action: Action,
  screens = LIGHT,
  arrange: (page: Page) => Promise<void> = async () => undefined,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  for (const [suffix, screen] of screens) {
    const answers = { ...more, [`/v1/actions/${action.actionId}`]: action };
    const page = await openConsole(browser, screen, `/view/${action.actionId}`, answers);
    await arrange(page);
    await shoot(`${name}-${suffix}`, page);
  }
}

async function shoot(name: string, page: Page): Promise<void> {
  await page.screenshot({ path: join(folder, `console-${name}.png`), animations: 'disabled' });
  await page.context().close();
}
