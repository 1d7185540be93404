import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { DecisionAnswer } from '../../src/contracts/workflow.js';
import { Refusal, ServiceFault } from '../../src/core/errors.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { must, startSlackGateway, type SlackGateway } from '../fakes/slack/slack-gateway.js';
import { ACTION_DIGEST, ACTION_ID, directory, planOf, slackIds, waitingView } from '../unit/slack/views.js';

let database: MessageDatabase;
let gateway: SlackGateway;

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
});
afterAll(() => database.stop());
beforeEach(async () => {
  await database.pool.query('truncate countersign.channel_messages');
  gateway = await startSlackGateway(database.pool);
});
afterEach(() => gateway.stop());

const OTHER_ACTION = '01K9ZZZZZZ0000000000000002';
const modalError = (words: string): unknown => ({
  response_action: 'errors',
  errors: { countersign_reason: expect.stringContaining(words) as string },
});

/** Lets the test say when the port answers. */
function answerLater(answer: DecisionAnswer): () => void {
  let release = (): void => undefined;
  const answered = new Promise<DecisionAnswer>((resolve) => {
    release = () => {
      resolve(answer);
    };
  });
  gateway.answer = () => answered;
  return release;
}

describe('Approve', () => {
  it('is acknowledged at once, decided as the person, and answered to that person only', async () => {
    const response = await gateway.click(await gateway.post(), 'approve');
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await gateway.told()).toContain('it was the last one needed');
    expect(gateway.slack.state.ephemerals).toMatchObject([{ conversation: slackIds.channel, userId: 'U0ADA' }]);
    expect(gateway.decided).toEqual([
      {
        actionId: ACTION_ID,
        actionDigest: ACTION_DIGEST,
        decision: 'approve',
        reason: '',
        person: directory.person('ada'),
        via: {
          channel: 'slack',
          subject: `${slackIds.teamId}/U0ADA`,
          eventId: expect.stringMatching(new RegExp(`^${slackIds.channel}/\\d+\\.\\d+/\\d+\\.\\d+$`)) as string,
        },
      },
    ]);
  });

  it('counts in a direct message too, and is answered there', async () => {
    gateway.slack.state.setUser('U0BO', {});
    await gateway.post(waitingView({ plan: { ...planOf({ group: 'dba', quorum: 1 }), notify: ['direct'] } }));
    const [message] = gateway.slack.state.messages('D0ADA');
    const button = 'countersign_approve';
    await gateway.slack.click(gateway.url, { conversation: 'D0ADA', ts: message?.ts ?? '', button, userId: 'U0ADA' });
    expect(await gateway.told()).toContain('it was the last one needed');
    expect(gateway.slack.state.ephemerals).toMatchObject([{ conversation: 'D0ADA', userId: 'U0ADA' }]);
    expect(gateway.decided).toMatchObject([{ person: { id: 'ada' } }]);
  });

  it('is acknowledged before the decision is made', async () => {
    const release = answerLater({ state: 'waiting', open: [{ group: 'dba', places: 1 }] });
    expect((await gateway.click(await gateway.post(), 'approve')).status).toBe(200);
    await vi.waitFor(() => must(gateway.decided[0]));
    release();
    expect(await gateway.told()).toBe('Your approval counts. Still needed: 1 of dba.');
  });

  it('pressed twice is two events, so that the port can tell the second from a replay', async () => {
    const ts = await gateway.post();
    await Promise.all([gateway.click(ts, 'approve'), gateway.click(ts, 'approve')]);
    await vi.waitFor(() => must(gateway.decided[1]));
    expect(new Set(gateway.decided.map(({ via }) => via.eventId)).size).toBe(2);
  });

  it.each([
    [
      'a refusal in its own words',
      new Refusal('self_approval', 'You own this agent, so you cannot approve its actions.'),
      'Not counted: You own this agent',
    ],
    [
      'a service that is away',
      new ServiceFault('temporal', 'Temporal is away', true),
      'a service that Countersign needs did not answer',
    ],
    ['a defect, without its details', new Error('secret detail'), 'Something went wrong here.'],
  ])('tells the person of %s', async (_name, error, words) => {
    gateway.answer = () => Promise.reject(error);
    await gateway.click(await gateway.post(), 'approve');
    const text = await gateway.told();
    expect(text).toContain(words);
    expect(text).not.toContain('secret detail');
    // Decisions puts its own refusals on record.
    expect(gateway.refused).toEqual([]);
  });

  it('is finished before the gateway closes', async () => {
    const release = answerLater({ state: 'filled', open: [] });
    await gateway.click(await gateway.post(), 'approve');
    await vi.waitFor(() => must(gateway.decided[0]));
    const closed = gateway.app.close();
    release();
    await closed;
    expect(gateway.slack.state.ephemerals).toHaveLength(1);
  });
});

describe('Deny', () => {
  it('asks why, and denies with the reason', async () => {
    const viewId = await gateway.denialForm(await gateway.post());
    expect(await gateway.submit(viewId, '  Not this table.  ')).toEqual({ response_action: 'clear' });
    expect(await gateway.told()).toContain('Denied.');
    expect(gateway.decided).toMatchObject([
      {
        decision: 'deny',
        reason: 'Not this table.',
        person: { id: 'ada' },
        via: { eventId: expect.stringContaining(`${viewId}/`) as string, subject: `${slackIds.teamId}/U0ADA` },
      },
    ]);
  });

  it.each([
    ['no reason', null, 'say why'],
    ['a blank reason', ' \n ', 'say why'],
    ['a reason that is too long', 'x'.repeat(2_001), 'at most 2000'],
  ])('with %s keeps the modal open and decides nothing', async (_name, reason, words) => {
    const viewId = await gateway.denialForm(await gateway.post());
    expect(await gateway.submit(viewId, reason)).toEqual(modalError(words));
    expect(gateway.decided).toEqual([]);
  });

  it('that is gateway.refused, or that cannot be recorded, keeps the modal and the text open', async () => {
    const viewId = await gateway.denialForm(await gateway.post());
    gateway.answer = () => Promise.reject(new Refusal('action_closed', 'The action has expired.'));
    expect(await gateway.submit(viewId, 'no')).toEqual(modalError('The action has expired.'));
    gateway.nowMs += 1_000;
    gateway.answer = () => Promise.reject(new ServiceFault('record', 'away', true));
    expect(await gateway.submit(viewId, 'no')).toEqual(modalError('Please try again'));
    gateway.nowMs += 1_000;
    gateway.answer = async () => ({ state: 'denied', open: [] });
    expect(await gateway.submit(viewId, 'no')).toEqual({ response_action: 'clear' });
    const events = () => new Set(gateway.decided.map(({ via }) => via.eventId)).size;
    expect(events()).toBe(1);
    // With another reason it is another event: the same one again must say the same.
    gateway.nowMs += 1_000;
    await gateway.submit(viewId, 'not this table');
    expect(events()).toBe(2);
  });

  it('that takes longer than Slack waits closes the modal, and the answer comes as a line', async () => {
    const viewId = await gateway.denialForm(await gateway.post());
    const release = answerLater({ state: 'denied', open: [] });
    expect(await gateway.submit(viewId, 'no')).toEqual({ response_action: 'clear' });
    release();
    expect(await gateway.told()).toContain('Denied.');
  });
});

describe('Deny, judged again at submission:', () => {
  it.each<[string, (context: Record<string, unknown>) => string]>([
    [
      'of another action',
      (sealed) => JSON.stringify({ ...sealed, context: { ...(sealed['context'] as object), actionId: OTHER_ACTION } }),
    ],
    [
      'that expires later than it did',
      (sealed) => JSON.stringify({ ...sealed, context: { ...(sealed['context'] as object), expiresAtMs: 9e12 } }),
    ],
    ['without a seal', (sealed) => JSON.stringify({ context: sealed['context'] })],
    ['with another seal', (sealed) => JSON.stringify({ ...sealed, mac: '0'.repeat(64) })],
    ['that is not JSON', () => 'x'],
    ['that is empty', () => ''],
  ])('with a form %s is refused', async (_name, alter) => {
    const viewId = await gateway.denialForm(await gateway.post());
    const view = gateway.slack.state.view(viewId);
    view['private_metadata'] = alter(JSON.parse(String(view['private_metadata'])) as Record<string, unknown>);
    expect(await gateway.submit(viewId, 'no')).toEqual(modalError('not opened by Countersign'));
    expect([gateway.decided, gateway.refused]).toEqual([
      [],
      [{ code: 'forbidden', who: `slack/${slackIds.teamId}/U0ADA` }],
    ]);
  });

  it('with the form that another person opened is refused', async () => {
    const viewId = await gateway.denialForm(await gateway.post(), 'U0BO');
    expect(await gateway.submit(viewId, 'no', 'U0ADA')).toEqual(modalError('opened by somebody else'));
    expect(gateway.decided).toEqual([]);
  });

  it('with a form that was open for more than an hour is refused', async () => {
    const viewId = await gateway.denialForm(await gateway.post());
    gateway.nowMs += 3_600_000;
    expect(await gateway.submit(viewId, 'no')).toEqual(modalError('more than an hour'));
  });

  it('by somebody who was deactivated since the form opened is refused', async () => {
    const viewId = await gateway.denialForm(await gateway.post());
    gateway.slack.state.setUser('U0ADA', { deleted: true });
    expect(await gateway.submit(viewId, 'no')).toEqual(modalError('full, active member'));
    expect(gateway.decided).toEqual([]);
  });

  it('whose trigger has expired tells the person to try again', async () => {
    const ts = await gateway.post();
    gateway.slack.failNext('views.open', {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"ok":false,"error":"expired_trigger_id"}',
    });
    await gateway.click(ts, 'deny');
    expect(await gateway.told()).toContain('try again');
  });
});
