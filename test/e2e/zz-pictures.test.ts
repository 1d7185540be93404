import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, inject, it } from 'vitest';
import { workflowIdOf } from '../../src/contracts/workflow-id.js';
import { agentOf, until } from '../support/actors.js';
import { createBrowser } from '../support/browser.js';
import { SLACK_USERS, startSlackStack } from '../support/slack-stack.js';

const out = '/tmp/slackpart/out';
const run = promisify(execFile);
it('draws', async () => {
  await mkdir(out, { recursive: true });
  const office = await startSlackStack();
  try {
    const agent = agentOf(office.stack);
    const request = {
      operation: 'database.export',
      params: {
        target: 'orders',
        query:
          "select o.id, o.status, o.total_cents, c.email\nfrom orders o join customers c on c.id = o.customer_id\nwhere c.country = $1 and o.placed_at >= '2025-01-01'",
        parameters: ['DE'],
        format: 'csv',
      },
      reason: 'Olivia asked for the German orders of this year, to answer ticket 4711. <!channel> please approve quickly!',
      logs: 'ticket 4711 read\nplanned: 1 export\nasking for approval',
    };
    const { actionId } = await agent.request(request);
    const message = await office.shown(actionId, 'Approval needed');
    await writeFile(`${out}/waiting.json`, JSON.stringify(message, null, 1));
    const url = `${office.stack.gatewayUrl}/view/${actionId}`;
    const browser = createBrowser();
    const page = await browser.submit(await browser.open(url), { person: 'ben' });
    expect(page.status).toBe(200);
    const css = await (await fetch(`${office.stack.gatewayUrl}/style.css`)).text();
    const inline = (html: string) => html.replace('<link rel="stylesheet" href="/style.css" />', `<style>${css}</style>`);
    await writeFile(`${out}/view-waiting.html`, inline(page.html));
    const ui = inject('services').temporal.uiUrl;
    const handle = office.stack.client.workflow.getHandle(workflowIdOf(actionId));
    const { runId } = await handle.describe();
    const uiUrl = `${ui}/namespaces/${office.stack.namespace}/workflows/${encodeURIComponent(workflowIdOf(actionId))}/${runId}/${process.env['UI_TAB'] ?? 'timeline'}`;
    console.log(uiUrl);
    await run('node', ['--experimental-websocket', '/tmp/slackpart/cdp.mjs', uiUrl, `${out}/temporal-ui.png`, '1400', '1000', '10000'], { timeout: 90_000 }).then(console.log, console.error);
    await run('node', ['--experimental-websocket', '/tmp/slackpart/cdp.mjs', uiUrl.replace(/timeline$/, 'user-metadata'), `${out}/temporal-ui-2.png`, '1560', '740', '10000'], { timeout: 90_000 }).then(console.log, console.error);
    await office.click(message, 'approve', SLACK_USERS.ben);
    const done = await office.shown(actionId, 'Done: database.export');
    await until(agent, actionId, ({ state }) => state === 'done');
    await writeFile(`${out}/done.json`, JSON.stringify(done, null, 1));
    const after = await browser.open(url);
    await writeFile(`${out}/view-done.html`, inline(after.html));
  } finally {
    await office.close();
  }
}, 180_000);
