import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DIFFERENCE_WORDS } from '../../src/core/difference-words.js';
import { agentOf, personAt, until, type PersonAtGateway } from '../support/actors.js';
import { SLACK_USERS, startSlackStack, textOf, type SlackStack } from '../support/slack-stack.js';

const EXPORT = {
  operation: 'database.export',
  params: { target: 'orders', query: 'select id, placed_at from orders', format: 'csv' },
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
    // Personal data of everybody: policy asks a data owner too.
    plan: [
      { label: 'Who must approve', before: '1 of dba', now: '1 of data-owner and 1 of dba' },
      {
        label: 'Who may help after a while',
        before: 'dba-lead after 10m and security-oncall after 30m',
        now: 'security-oncall after 4s',
      },
      { label: 'Expires after', before: '2h', now: '1h' },
      { label: 'Lease', before: '5m', now: '2m' },
      { label: 'An effect other than declared', before: 'freezes the agent', now: 'freezes nobody' },
    ],
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
  expect(second.quorum).toEqual({
    filled: false,
    open: [
      { group: 'data-owner', places: 1 },
      { group: 'dba', places: 1 },
    ],
  });
  expect(second.actionDigest).not.toBe(first.actionDigest);
  expect(second.timeline.map(({ kind }) => kind)).not.toContain('effect');
  const decision = {
    decision: 'approve' as const,
    reason: '',
    actionDigest: first.actionDigest ?? '',
    idempotencyKey: randomUUID(),
  };
  await expect(ben.decide(actionId, decision)).rejects.toMatchObject({ code: 'digest_mismatch' });

  const expected = [
    DIFFERENCE_WORDS.title,
    DIFFERENCE_WORDS.decisions,
    MESSAGE,
    `${DIFFERENCE_WORDS.plan}: Who must approve`,
    '1 of data-owner and 1 of dba',
    'Columns of the file',
    'placed_at timestamp with time zone',
    'placed_at timestamp without time zone',
    DIFFERENCE_WORDS.riskAdded,
    'orders.placed_at',
  ];
  const message = await office.shown(actionId, 'Approval needed.*Review 2: ');
  for (const words of expected) expect(textOf(message)).toContain(words);

  await office.click(message, 'approve', SLACK_USERS.ben);
  await office.click(await office.shown(actionId, 'Approved by.*Ben'), 'approve', SLACK_USERS.carol);
  const done = await agent.wait(actionId, { timeoutMs: 60_000 });
  expect(done).toMatchObject({ round: 2, lease: 'revoked', outcome: { status: 'succeeded' } });
  expect(done.timeline.filter(({ kind }) => kind === 'effect')).toHaveLength(1);
  expect(done.decisions.map(({ channel, current }) => [channel, current])).toEqual([
    ['api', false],
    ['slack', true],
    ['slack', true],
  ]);
});
