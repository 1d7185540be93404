import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Card } from '../../src/channels/teams/card.js';

const RENDERER = join(import.meta.dirname, '..', '..', 'node_modules', 'adaptivecards', 'dist', 'adaptivecards.min.js');

/** A card as Microsoft's own renderer draws it in a real browser; what is pressed in it is kept in `executed`. */
export interface CardPage {
  page: Page;
  /** Verb and data of each Action.Execute that was pressed, as Teams would send them. */
  executed(): Promise<{ verb: string; data: Record<string, string> }[]>;
  close(): Promise<void>;
}

const STYLE = `
  body { font: 14px "Segoe UI", "Noto Sans", sans-serif; margin: 16px; width: 720px; background: #f5f5f5; }
  #card { background: #fff; border-radius: 6px; padding: 8px; }
  .ac-pushButton { padding: 6px 12px; margin-right: 4px; }
  textarea { width: 100%; min-height: 60px; }`;

export async function openCard(browser: Browser, card: Card): Promise<CardPage> {
  const page = await browser.newPage({ viewport: { width: 760, height: 900 } });
  // No network: a card that loads something would show it here.
  await page.route('**/*', (route) => route.abort());
  await page.setContent(`<!doctype html><title>card</title><style>${STYLE}</style><div id="card"></div>`);
  await page.addScriptTag({ path: RENDERER });
  await page.evaluate(`{
    globalThis.executed = [];
    const drawn = new AdaptiveCards.AdaptiveCard();
    drawn.onExecuteAction = ({ verb, data }) => executed.push({ verb, data });
    drawn.parse(${JSON.stringify(card)});
    document.querySelector('#card').append(drawn.render());
  }`);
  return {
    page,
    executed: () => page.evaluate('executed'),
    close: () => page.close(),
  };
}
