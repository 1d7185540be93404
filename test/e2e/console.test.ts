import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Action } from '../../apps/console/api/types.js';
import type { CountersignGateway } from '../../src/client/index.js';
import { agentOf, personAt, PLAIN_EXPORT, until, type PersonAtGateway } from '../support/actors.js';
import { launchChromium } from '../support/chromium.js';
import { alter, axeViolations, sidewaysScroll, tabTo, visitConsole, type ConsoleVisitor } from '../support/console.js';
import { describeGlass } from './console-glass.js';
import { offerGlass } from '../support/glass-policy.js';
import { startStack, type Stack } from '../support/stack.js';

let folder: string;
let stack: Stack;
let browser: Browser;
let agent: CountersignGateway;
let carol: PersonAtGateway;
/** A DBA at a browser, with light colours. */
let ben: ConsoleVisitor;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-console-'));
  [stack, browser] = await Promise.all([
    startStack({ prepare: (installation) => offerGlass(installation, folder) }),
    launchChromium(),
  ]);
  agent = agentOf(stack);
  [carol, ben] = await Promise.all([personAt(stack, 'carol'), visit('Ben Berg', '/queue')]);
});
afterAll(async () => {
  await browser.close();
  await stack.close();
  await rm(folder, { recursive: true, force: true });
});

async function visit(name: string, path: string): Promise<ConsoleVisitor> {
  return visitConsole(browser, stack.gatewayUrl, name, path);
}

/** An export that waits for a DBA. */
async function ask(request: Partial<typeof PLAIN_EXPORT> & { link?: string } = {}): Promise<string> {
  const { actionId } = await agent.request({ ...PLAIN_EXPORT, ...request });
  await until(agent, actionId, ({ state }) => state === 'waiting');
  return actionId;
}

describe('who decides', () => {
  it('finds the request in the queue as it comes, and approves it by keyboard alone', async () => {
    const { page } = ben;
    await page.getByText('Nothing waits for you.').waitFor();
    const actionId = await ask();
    await page.getByRole('link', { name: /^Export of 1 table/ }).waitFor();
    await tabTo(page, `a[href="/view/${actionId}"]`);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /^Export of 1 table/ }).waitFor();
    await tabTo(page, 'button.approve');
    await page.keyboard.press('Enter');
    await page.getByText('You approved it. It is about to run.').waitFor();
    expect(await page.locator('#decision-title:focus').count()).toBe(1);
    // It goes on by itself to the proof of the end.
    await page.getByRole('heading', { name: 'Outcome: succeeded' }).waitFor();
    await page.getByText('Its credential has ended; the proof is below.').waitFor();
    const done = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(done.decisions).toMatchObject([{ person: 'ben', decision: 'approve', channel: 'web' }]);
  });

  it('denies with a reason, and not without', async () => {
    const { page } = ben;
    const actionId = await ask();
    await page.goto(`/view/${actionId}`);
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByRole('alert').getByText('Say why').waitFor();
    const field = page.getByRole('textbox', { name: /^Reason/ });
    expect(await page.locator('textarea:focus').count()).toBe(1);
    await field.fill('Ask for the rows of one week.');
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByText('You denied it. Nothing runs.').waitFor();
    const { decisions } = await agent.wait(actionId, { timeoutMs: 30_000 });
    expect(decisions).toMatchObject([{ decision: 'deny', reason: 'Ask for the rows of one week.' }]);
  });

  it('sees the decision of somebody else come in', async () => {
    const { page } = ben;
    const actionId = await ask();
    await page.goto(`/view/${actionId}`);
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await carol.decideOn(actionId, 'deny', 'not tonight');
    await page.locator('.decision').getByText('Denied by carol').waitFor();
    await page.locator('blockquote').getByText('not tonight').waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
  });

  it('is told calmly that somebody was quicker', async () => {
    const { page } = ben;
    const actionId = await ask();
    await page.route('**/events', (route) => route.abort());
    await page.goto(`/view/${actionId}`);
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await carol.decideOn(actionId, 'deny', 'not tonight');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.locator('.decision .notice').waitFor();
    expect(await page.locator('.decision .notice').textContent()).toContain('carol already denied it.');
    await page.unroute('**/events');
  });

  it('takes a second, deliberate step before something critical', async () => {
    const { page } = ben;
    const actionId = await ask();
    const critical = { code: 'destroys', severity: 'critical' as const, sentence: 'Everything is gone afterwards.' };
    await alter(page, actionId, (action) => ({ ...action, risk: 'critical', flags: [...action.flags, critical] }));
    await page.goto(`/view/${actionId}`);
    expect(await page.locator('.flag').first().textContent()).toContain('critical');
    await page.getByRole('button', { name: 'Approve…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Approve with a critical risk?' });
    await dialog.getByText(critical.sentence).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect((await agent.get(actionId)).decisions).toEqual([]);
    await page.getByRole('button', { name: 'Approve…' }).click();
    await dialog.waitFor();
    // What changes behind the dialog is not approved by it.
    await alter(page, actionId, (action) => ({ ...action, actionDigest: 'f'.repeat(64), flags: [critical] }));
    await page.evaluate(`window.dispatchEvent(new Event('online'))`);
    await page.getByText('What is asked changed while you read.').waitFor();
    expect(await dialog.count()).toBe(0);
    await page.unrouteAll();
    await alter(page, actionId, (action) => ({ ...action, risk: 'critical', flags: [...action.flags, critical] }));
    await page.goto(`/view/${actionId}`);
    await page.getByRole('button', { name: 'Approve…' }).click();
    await dialog.getByRole('button', { name: 'Approve all the same' }).click();
    await page.getByText('You approved it.').waitFor();
  });

  it('must read again what changed in the meantime', async () => {
    const { page } = ben;
    const actionId = await ask();
    await page.goto(`/view/${actionId}`);
    await page.getByRole('button', { name: 'Approve' }).waitFor();
    await alter(page, actionId, (action) => ({ ...action, actionDigest: 'f'.repeat(64), round: 2 }));
    await page.evaluate(`window.dispatchEvent(new Event('online'))`);
    await page.getByText('What is asked changed while you read.').waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Read it again' }).click();
    expect(await page.getByRole('button', { name: 'Approve' }).isEnabled()).toBe(true);
    await page.unrouteAll();
  });

  it('signs in afresh where policy asks for it, and finds the reason kept', async () => {
    const { page } = ben;
    const actionId = await ask();
    const assurance = { needed: 'web' as const, met: false, why: 'Policy demands a sign-in of the last 5 min.' };
    await alter(page, actionId, (action) => ({ ...action, ...(action.you && { you: { ...action.you, assurance } }) }));
    await page.goto(`/view/${actionId}`);
    await page.getByText(assurance.why).waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).isDisabled()).toBe(true);
    await page.getByRole('textbox', { name: /^Reason/ }).fill('Seen the ticket.');
    await page.getByRole('link', { name: 'Sign in afresh' }).click();
    const who = page.getByRole('button', { name: 'Ben Berg', exact: true });
    await who.waitFor();
    await page.unrouteAll();
    await who.click();
    await page.waitForURL(`**/view/${actionId}`);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('You approved it.').waitFor();
    expect((await agent.get(actionId)).decisions).toMatchObject([{ reason: 'Seen the ticket.' }]);
  });
});

describe('who may not decide', () => {
  it('reads why, beside buttons that do nothing', async () => {
    const actionId = await ask();
    const olivia = await visit('Olivia Ortiz', `/view/${actionId}`);
    const approve = olivia.page.getByRole('button', { name: 'Approve' });
    await approve.waitFor();
    expect(await approve.isDisabled()).toBe(true);
    expect(await olivia.page.locator('#why-not').textContent()).toContain('may not');
    expect(await approve.getAttribute('aria-describedby')).toBe('why-not');
    expect(olivia.complaints).toEqual([]);
    await olivia.context.close();
  });

  it('is told when the session is over, and what was typed is there after signing in', async () => {
    const actionId = await ask();
    const { page, context } = await visit('Ben Berg', `/view/${actionId}`);
    await page.getByRole('textbox', { name: /^Reason/ }).fill('half a sentence');
    await context.clearCookies({ name: /countersign-session/ });
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByText('Your session is over.').first().waitFor();
    await page.getByRole('link', { name: 'Sign in again' }).first().click();
    await page.waitForURL(`**/view/${actionId}`);
    await page.getByRole('textbox', { name: /^Reason/ }).waitFor();
    expect(await page.getByRole('textbox', { name: /^Reason/ }).inputValue()).toBe('half a sentence');
    await page.locator('.person summary').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    expect((await page.request.get('/session')).status()).toBe(401);
    await context.close();
  });

  it('is offline: what was read stays, and comes alive again by itself', async () => {
    const actionId = await ask();
    const { page, context } = await visit('Ben Berg', `/view/${actionId}`);
    await page.getByRole('button', { name: 'Deny' }).waitFor();
    await context.setOffline(true);
    await page.getByRole('textbox', { name: /^Reason/ }).fill('no');
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByText('Nothing happens twice.').waitFor();
    await context.setOffline(false);
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByText('You denied it.').waitFor();
    await context.close();
  });
});

describeGlass({ ask, visit, ben: () => ben, agent: () => agent });

describe('what is shown', () => {
  it('stays quick with a plan of 500 resources', async () => {
    const { page } = ben;
    const actionId = await ask();
    const resources = Array.from({ length: 500 }, (_, index) =>
      [
        `@@ change aws_instance.web[${String(index)}] @@`,
        `- ami = "ami-${String(index)}"`,
        '+ ami = "ami-new"',
        '',
      ].join('\n'),
    );
    const text = ['Plan: 0 to create, 500 to change', '', ...resources].join('\n');
    await alter(page, actionId, (action) => withContent(action, { language: 'diff', text }));
    await page.goto(`/view/${actionId}`);
    await page.locator('details.part').nth(499).waitFor({ state: 'attached' });
    const shownMs: number = await page.evaluate('performance.now()');
    expect(shownMs).toBeLessThan(5_000);
    await page.getByRole('searchbox', { name: 'Find in this change' }).fill('ami-417"');
    await page.getByText('1 of 501 parts hold it').waitFor();
    await page.getByText('change aws_instance.web[417]').click();
    await page.locator('.line-removed', { hasText: 'ami = "ami-417"' }).waitFor();
    expect(await page.locator('.line-removed .unseen').first().textContent()).toBe('removed: ');
    await page.unrouteAll();
  });

  it('says on every page that nothing is approved while an alarm stands, and no longer than that', async () => {
    const { page } = ben;
    const body = { code: 'ledger_gap', severity: 'critical', sentence: 'A row is missing.', stopsApprovals: true };
    const alarm = { ...body, digest: 'a'.repeat(64), raisedAtMs: 1, cleared: null };
    await page.route('**/v1/alarms', (route) => route.fulfill({ json: { alarms: [alarm] } }));
    const freeze = { digest: 'b'.repeat(64), because: 'person', by: 'erin', reason: 'x', actionId: null };
    const frozen = { ...freeze, scope: { kind: 'all' }, frozenAtMs: 1, lifts: [], missing: 2 };
    const freezes = { freezes: [frozen], unreadable: [] };
    await page.route('**/v1/freezes', (route) => route.fulfill({ json: freezes }));
    const banner = page.getByRole('complementary', { name: 'What stops work now' });
    for (const where of ['/queue', `/view/${await ask()}`]) {
      await page.goto(where);
      await banner.getByText('while the alarm ledger_gap stands').waitFor();
      await banner.getByText('Frozen: everything').waitFor();
    }
    expect(await axeViolations(page)).toEqual([]);
    await page.setViewportSize({ width: 320, height: 640 });
    expect(await sidewaysScroll(page)).toBe(0);
    await page.setViewportSize({ width: 1_280, height: 800 });
    // The next look finds nothing.
    await page.unrouteAll();
    await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
    await banner.waitFor({ state: 'detached' });
  });

  it('is only ever text, whatever an agent writes', async () => {
    const { page } = ben;
    const reason =
      '<img src=x onerror="document.title=1"> <a href="https://evil.example">ok</a> \u202Edeied\u2066\u200B';
    const link = 'https://evil.example/"onmouseover="alert(1)';
    const actionId = await ask({ reason, link });
    const text = `${'select 1 -- \u202E\n'.repeat(12_000)}${'x'.repeat(20_000)}`.slice(0, 200_000);
    await alter(page, actionId, (action) => withContent(action, { language: 'sql', text }));
    await page.goto(`/view/${actionId}`);
    await page.getByText('<img src=x').first().waitFor();
    const words = await page.locator('.untrusted').allTextContents();
    expect(words[0]).toContain('⟨U+202E⟩deied⟨U+2066⟩⟨U+200B⟩');
    expect(words[1]).toContain(link);
    expect(await page.locator('a[href*="evil"], main img').count()).toBe(0);
    const content = page.getByRole('group', { name: 'SQL that would run' });
    // Whole, though only what is near is numbered.
    expect((await content.textContent())?.match(/select 1 -- ⟨U\+202E⟩/g)?.length).toBe(12_000);
    await content.locator('.chunk-far').last().scrollIntoViewIfNeeded();
    await content.locator('[data-number="12001"]').waitFor();
    expect(await page.title()).toContain('Export of');
    expect(await sidewaysScroll(page)).toBe(0);
    await page.unrouteAll();
  });

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    it.each(['queue', 'actions', 'incidents', 'waiting', 'ended'] as const)(
      'breaks no rule of accessibility: %s',
      async (where) => {
        const { page } = ben;
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width: colorScheme === 'light' ? 1_280 : 390, height: 800 });
        await page.goto(await addressOf(where));
        await page.locator('h1').waitFor();
        await page.locator('.waiting').waitFor({ state: 'detached' });
        expect(await axeViolations(page)).toEqual([]);
        await page.setViewportSize({ width: 320, height: 640 });
        expect(await sidewaysScroll(page)).toBe(0);
      },
    );
  });

  it('made the browser complain of nothing', () => {
    expect(ben.complaints).toEqual([]);
  });
});

const shown = new Map<'waiting' | 'ended', string>();

async function addressOf(where: 'queue' | 'actions' | 'incidents' | 'waiting' | 'ended'): Promise<string> {
  if (where === 'queue' || where === 'actions') return `/${where}`;
  if (where === 'incidents') return '/actions?show=incidents';
  const actionId = shown.get(where) ?? (await ask());
  if (where === 'ended' && !shown.has(where)) {
    await carol.decideOn(actionId, 'approve', 'fine');
    await agent.wait(actionId, { timeoutMs: 45_000 });
  }
  shown.set(where, actionId);
  return `/view/${actionId}`;
}

function withContent(action: Action, content: NonNullable<Action['preview']>['content']): Action {
  return { ...action, preview: action.preview && { ...action.preview, content } };
}
