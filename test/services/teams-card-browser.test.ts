import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderAction } from '../../src/channels/teams/render.js';
import type { ActionView } from '../../src/record/action-view.js';
import { launchChromium } from '../support/chromium.js';
import { openCard, type CardPage } from '../support/teams-card-page.js';
import { ACTION_DIGEST, ACTION_ID, doneView, HOSTILE, LOG, PUBLIC_URL, waitingView } from '../unit/slack/views.js';
import { directory } from '../unit/teams/views.js';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

const open = (view: ActionView): Promise<CardPage> =>
  openCard(browser, renderAction(view, { directory, publicUrl: PUBLIC_URL, log: LOG }).card);
const DATA = { actionId: ACTION_ID, actionDigest: ACTION_DIGEST };

describe("a card, drawn by Microsoft's renderer in Chromium,", () => {
  it('has Approve, which carries the action; Deny, which opens a form and carries the reason', async () => {
    const { page, executed, close } = await open(waitingView());
    await page.getByRole('button', { name: 'Approve' }).click();
    const reason = page.getByLabel(/Why\?/);
    expect(await reason.isVisible()).toBe(false);
    await page.getByRole('button', { name: 'Deny …' }).click();
    // Without a reason nothing is sent.
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    expect(await executed()).toEqual([{ verb: 'countersign.approve', data: DATA }]);
    await reason.fill('Not this table.');
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    expect((await executed())[1]).toEqual({
      verb: 'countersign.deny',
      data: { ...DATA, countersign_reason: 'Not this table.' },
    });
    await close();
  });

  it('has none of them at the end', async () => {
    const { page, close } = await open(doneView());
    const names = await page.getByRole('button').allTextContents();
    expect(names.filter((name) => /Approve|Deny/.test(name))).toEqual([]);
    expect(await page.locator('#card').innerText()).toContain('approved by Ada Fischer');
    await close();
  });

  it('shows lines and their indentation as they are, and hostile text as text', async () => {
    const content =
      'SELECT id\n  FROM customers\n    WHERE x = 1 {{DATE(2017-02-14T06:08:39Z,SHORT)}} <img src=x> [a](b) **c**';
    const view = waitingView();
    const preview = view.preview && { ...view.preview, content: { language: 'sql' as const, text: content } };
    const { page, close } = await open({ ...view, preview, request: { ...view.request, reason: HOSTILE } });
    const shown = (await page.locator('#card').innerText()).replaceAll('\u00a0', ' ');
    for (const line of content.split('\n')) expect(shown).toContain(`${line}\n`);
    expect(shown).toContain('<https://evil.example|click>');
    expect(await page.locator('#card img, #card strong, #card em').count()).toBe(0);
    for (const link of await page.locator('#card a').all())
      expect(await link.getAttribute('href')).toContain(PUBLIC_URL);
    await close();
  });
});
