import type { BrowserContext, Page } from 'playwright-core';
import { inject } from 'vitest';
import { createPortChooser } from '../../apps/devstack/services/ports.js';
import { serveReadableUi } from '../../apps/devstack/services/temporal-ui.js';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { BUILT_CONSOLE } from './console.js';
import { startStack, type Stack } from './stack.js';

// Its pages are heavy, and a busy machine is slow to draw them.
export const DRAWN_WITHIN_MS = 60_000;

/** A stack with Temporal's UI as `countersign dev` serves it. */
export interface StackWithUi {
  stack: Stack;
  /** A tab of an action's page in the UI; the browser keeps no settings for it. */
  open(context: BrowserContext, actionId: string, tab: 'timeline' | 'user-metadata'): Promise<Page>;
  close(): Promise<void>;
}

export async function startStackWithUi(): Promise<StackWithUi> {
  const port = await createPortChooser().choose('the UI');
  const origin = `http://127.0.0.1:${String(port)}`;
  const gateway = { COUNTERSIGN_CONSOLE_DIR: BUILT_CONSOLE, COUNTERSIGN_TEMPORAL_UI_ORIGINS: origin };
  const stack = await startStack({ extra: { gateway } });
  const own = new URL(inject('services').temporal.uiUrl);
  const codec = { endpoint: `${stack.gatewayUrl}/codec`, signIn: `${stack.gatewayUrl}/queue` };
  const ui = await serveReadableUi(port, Number(own.port), codec);
  return {
    stack,
    async open(context, actionId, tab) {
      const page = await context.newPage();
      page.setDefaultTimeout(DRAWN_WITHIN_MS);
      const run = await stack.client.workflow.getHandle(workflowIdOf(actionId)).describe();
      const path = `namespaces/${stack.namespace}/workflows/${encodeURIComponent(run.workflowId)}/${run.runId}/${tab}`;
      await page.goto(`${ui.url}/${path}`);
      return page;
    },
    async close() {
      await ui.stop();
      await stack.close();
    },
  };
}

/** All that a page says; what Markdown says there is drawn in frames. */
export async function wordsOn(page: Page): Promise<string> {
  const texts = page.frames().map((frame) => frame.evaluate<string>('document.body.innerText').catch(() => ''));
  return (await Promise.all(texts)).join('\n');
}
