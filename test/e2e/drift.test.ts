import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DIFFERENCE_WORDS } from '../../src/core/difference-words.js';
import { agentOf, personAt, until, type PersonAtGateway } from '../support/actors.js';
import { createBrowser } from '../support/browser.js';
import { SLACK_USERS, startSlackStack, textOf, type SlackStack } from '../support/slack-stack.js';

const EXPORT = {
  operation: 'database.export',
  params: { target: 'orders', query: "select id, placed_at from orders where status <> 'none'", format: 'csv' },
  reason: 'Monthly report',
};
const MESSAGE = 'The target changed after the approval; what would run is not what was shown.';

let office: SlackStack;
let ben: PersonAtGateway;

beforeAll(async () => {
  office = await startSlackStack();
  ben = await personAt(office.stack, 'ben');
});
afterAll(async () => {
  await office.close();
});

/** Between asking and approving, the column changes its type, and is declared to be confidential. */
async function changeTheTarget(): Promise<void> {
  await office.stack.installation.inTarget(async (client) => {
    await client.query('alter table orders alter column placed_at type timestamp');
    await client.query(`comment on column orders.placed_at is 'confidential: when somebody was awake'`);
  });
}

it('a target that changes during the wait is reviewed again, with what differs, and runs after a second approval', async () => {
  const { stack } = office;
  const agent = agentOf(stack);
  const { actionId } = await agent.request(EXPORT);
  await office.opened(actionId);
  const first = await until(agent, actionId, ({ state }) => state === 'waiting');
  expect(first).toMatchObject({ round: 1, reopened: null });
  await changeTheTarget();
  expect(await ben.decideOn(actionId, 'approve', 'seen once')).toMatchObject({ state: 'filled' });

  const second = await until(agent, actionId, ({ round, state }) => round === 2 && state === 'waiting');
  expect(second.reopened).toMatchObject({ code: 'target_changed', message: MESSAGE });
  expect(second.reopened?.difference).toMatchObject({
    facts: [
      {
        label: 'Columns of the file',
        before: 'id bigint, placed_at timestamp with time zone',
        now: 'id bigint, placed_at timestamp without time zone',
      },
    ],
    flagsAdded: [{ code: 'personal_data', severity: 'high' }],
    flagsGone: [],
    itemsLeftOut: 0,
    content: null,
  });
  // The first approval counts no more, and nothing ran on it.
  expect(second.decisions).toMatchObject([{ person: 'ben', decision: 'approve', current: false }]);
  expect(second.quorum).toEqual({ filled: false, open: [{ group: 'dba', places: 1 }] });
  expect(second.actionDigest).not.toBe(first.actionDigest);
  expect(second.timeline.map(({ kind }) => kind)).not.toContain('effect');
  const decision = {
    decision: 'approve' as const,
    reason: '',
    actionDigest: first.actionDigest ?? '',
    idempotencyKey: randomUUID(),
  };
  await expect(ben.decide(actionId, decision)).rejects.toThrow();

  const expected = [
    DIFFERENCE_WORDS.title,
    DIFFERENCE_WORDS.decisions,
    MESSAGE,
    'Columns of the file',
    'placed_at timestamp with time zone',
    'placed_at timestamp without time zone',
    DIFFERENCE_WORDS.riskAdded,
    'orders.placed_at',
  ];
  const url = `${stack.gatewayUrl}/view/${actionId}`;
  const browser = createBrowser();
  const page = await browser.submit(await browser.open(url), { person: 'carol' });
  expect(page.status).toBe(200);
  for (const words of [...expected, '(no longer counts: the review was opened again)'])
    expect(page.html).toContain(words);
  const message = await office.shown(actionId, 'Approval needed.*Review 2: ');
  for (const words of expected) expect(textOf(message)).toContain(words);

  await office.click(message, 'approve', SLACK_USERS.ben);
  const done = await agent.wait(actionId, { timeoutMs: 60_000 });
  expect(done).toMatchObject({ round: 2, lease: 'revoked', outcome: { status: 'succeeded' } });
  expect(done.timeline.filter(({ kind }) => kind === 'effect')).toHaveLength(1);
  expect(done.decisions.map(({ channel, current }) => [channel, current])).toEqual([
    ['api', false],
    ['slack', true],
  ]);
});
