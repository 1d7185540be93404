import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Channel } from '../../src/channels/channel.js';
import { createMessageStore } from '../../src/channels/message/message-store.js';
import { createPagerChannel } from '../../src/channels/pager/pager-channel.js';
import { createPagerdutyEvents } from '../../src/channels/pager/pagerduty-events.js';
import { ServiceFault } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { ActionView } from '../../src/record/action-view.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { ACTION_ID, directory, doneView, OPENED_AT_MS, PUBLIC_URL, waitingView } from '../unit/slack/views.js';

const ROUTING_KEY = 'R0123456789012345678901234567890';
const REVIEW = `countersign/${ACTION_ID}/review`;
const LEASE = `countersign/${ACTION_ID}/lease`;

interface PagerdutyEvent {
  routing_key: string;
  event_action: string;
  dedup_key: string;
  payload?: { summary: string; severity: string; source: string; custom_details: Record<string, string> };
  links?: { href: string }[];
}

let database: MessageDatabase;
let pagerduty: Server;
let events: PagerdutyEvent[];
/** Statuses of the next answers, the first first; then 202. */
let answers: { status: number; headers?: Record<string, string> }[];

beforeAll(async () => {
  database = await createMessageDatabase(inject('services').postgres.adminUrl);
  pagerduty = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { status, headers } = answers.shift() ?? { status: 202 };
      if (status === 202) events.push(JSON.parse(Buffer.concat(parts).toString()) as PagerdutyEvent);
      response.writeHead(request.url === '/v2/enqueue' ? status : 404, headers).end('{}');
    });
  });
  await new Promise<void>((resolve) => pagerduty.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await database.stop();
  await new Promise((resolve) => pagerduty.close(resolve));
});
beforeEach(async () => {
  [events, answers] = [[], []];
  await database.pool.query('truncate countersign.channel_messages');
});
afterEach(() => {
  expect(answers).toEqual([]);
});

function makeChannel(onCall: string[] = [], views: readonly ActionView[] = []): Channel {
  const { port } = pagerduty.address() as AddressInfo;
  return createPagerChannel({
    events: createPagerdutyEvents({
      routingKey: new Secret(ROUTING_KEY),
      eventsUrl: `http://127.0.0.1:${String(port)}`,
    }),
    store: createMessageStore(database.pool),
    viewsOf: async (ids) => ids.map((id) => views.find(({ actionId }) => actionId === id)),
    incidents: async () =>
      views.flatMap(({ actionId, incidents }) =>
        incidents.map((told) => ({ body: { actionId, agent: 'export-bot', ...told } })),
      ),
    directory: () => directory,
    onCall: { of: () => Promise.resolve({ people: onCall, source: 'rotation', faults: [] }) },
    publicUrl: PUBLIC_URL,
    clock: () => OPENED_AT_MS,
  });
}

const told = (): string[] => events.map(({ event_action, dedup_key }) => `${event_action} ${dedup_key}`);

describe('a review that policy wants paged', () => {
  it('pages when its time has come, once, and is settled with the review', async () => {
    const channel = makeChannel(['ben', 'olivia']);
    await channel.announce('opened', waitingView(), 1);
    await channel.announce('reminded', waitingView(), 2);
    expect(told()).toEqual([]);
    await channel.announce('paged', waitingView(), 3);
    await channel.announce('paged', waitingView(), 3);
    await channel.announce('reminded', waitingView(), 4);
    expect(told()).toEqual([`trigger ${REVIEW}`]);
    expect(events[0]).toMatchObject({
      routing_key: ROUTING_KEY,
      payload: { source: 'countersign', custom_details: { action: ACTION_ID } },
      links: [{ href: `${PUBLIC_URL}/view/${ACTION_ID}` }],
    });
    expect(events[0]?.payload?.summary).toMatch(/waits for a decision\. It expires .* UTC, which means denied\.$/);
    await channel.announce('concluded', doneView(), 0);
    await channel.announce('concluded', doneView(), 0);
    expect(told()).toEqual([`trigger ${REVIEW}`, `resolve ${REVIEW}`]);
  });

  it('names who is on call, but nobody who may not decide', async () => {
    const view = waitingView({ barred: [{ person: 'olivia', because: 'owns agent export-bot' }] });
    await makeChannel(['ben', 'olivia']).announce('paged', view, 1);
    expect(events[0]?.payload?.custom_details['on_call']).toBe('ben');
  });

  it('does not page for what was decided meanwhile', async () => {
    await makeChannel().announce('paged', doneView(), 3);
    expect(told()).toEqual([]);
  });

  it('pages again when it opened again', async () => {
    const channel = makeChannel();
    await channel.announce('paged', waitingView(), 1);
    await channel.announce('decided', waitingView({ state: 'approved' }), 2);
    await channel.announce('paged', waitingView({ round: 2 }), 4);
    expect(told()).toEqual([`trigger ${REVIEW}`, `resolve ${REVIEW}`, `trigger ${REVIEW}`]);
  });

  it("says nothing of the agent's own words", async () => {
    const view = waitingView();
    await makeChannel().announce('paged', { ...view, request: { ...view.request, reason: 'call +1 555 0100 now' } }, 1);
    expect(JSON.stringify(events)).not.toContain('555 0100');
  });
});

describe('a critical incident', () => {
  const stolen = {
    code: 'lease_intercepted',
    severity: 'critical',
    sentence: 'Look there.',
    openedAtMs: OPENED_AT_MS,
  } as const;
  const INCIDENT = `trigger countersign/${ACTION_ID}/incident`;

  it('pages at the action’s end, once, in its own words, and stays until a person has looked', async () => {
    const view = doneView({ incidents: [{ ...stolen, severity: 'high' }, stolen] });
    const channel = makeChannel([], [view]);
    await channel.announce('concluded', view, 0);
    await channel.announce('concluded', view, 0);
    await channel.catchUp?.();
    expect(told()).toEqual([INCIDENT]);
    expect(events[0]?.payload).toMatchObject({ severity: 'critical' });
    expect(events[0]?.payload?.summary).toMatch(/^Countersign: incident with database\.export on .*\. Look there\.$/);
  });

  it('pages though nobody told the end of the action, and not for an old one', async () => {
    const preparing = waitingView({ state: 'preparing', plan: null, incidents: [stolen] });
    await makeChannel([], [preparing]).catchUp?.();
    await makeChannel([], [preparing]).catchUp?.();
    expect(told()).toEqual([INCIDENT]);
    const old = { ...stolen, openedAtMs: OPENED_AT_MS - 86_400_000 };
    await database.pool.query('truncate countersign.channel_messages');
    await makeChannel([], [waitingView({ incidents: [old] })]).catchUp?.();
    expect(told()).toEqual([INCIDENT]);
  });

  it('keeps no alert standing whose cause is over, though PagerDuty does not take it', async () => {
    await makeChannel().announce('paged', waitingView(), 1);
    answers = [{ status: 400 }];
    const channel = makeChannel([], [doneView({ incidents: [stolen] })]);
    await expect(channel.catchUp?.()).rejects.toMatchObject({ service: 'pager', temporary: false });
    expect(told()).toEqual([`trigger ${REVIEW}`, `resolve ${REVIEW}`]);
  });

  it('pages for none that is less than critical', async () => {
    await makeChannel().announce('concluded', doneView({ incidents: [{ ...stolen, severity: 'high' }] }), 0);
    expect(told()).toEqual([]);
  });
});

describe('a broken glass', () => {
  const GLASS = `countersign/${ACTION_ID}/glass`;
  const DEBT = `countersign/${ACTION_ID}/debt`;
  const by = [{ person: 'ben', reason: 'The shop is down since 02:10.', atMs: OPENED_AT_MS }];
  const debt = {
    ...{ claim: 'c'.repeat(64), by: ['ben'], claimedAtMs: OPENED_AT_MS, dueAtMs: OPENED_AT_MS + 86_400_000 },
    ...{ open: ['dba'], retrospectives: [] },
  };
  const glass = (state: NonNullable<ActionView['breakGlass']>['state']): ActionView =>
    waitingView({
      state: state === 'offered' ? 'waiting' : 'approved',
      breakGlass: { state, open: [], by, debt: state === 'owed' || state === 'paid' ? debt : null },
    });

  it('pages at once, though policy pages nobody, with who and why, and again when its review is late', async () => {
    const channel = makeChannel();
    await channel.announce('opened', glass('offered'), 1);
    expect(told()).toEqual([]);
    await channel.announce('glass_broken', glass('broken'), 2);
    // The notary tells the same.
    await channel.announce('glass_broken', glass('owed'), 0);
    expect(told()).toEqual([`trigger ${GLASS}`]);
    expect(events[0]?.payload).toMatchObject({ severity: 'critical' });
    expect(events[0]?.payload?.summary).toContain('ben broke the glass');
    expect(events[0]?.payload?.summary).toContain('The shop is down since 02:10.');
    await channel.announce('concluded', glass('owed'), 0);
    await channel.announce('debt_reminded', glass('owed'), 0);
    expect(told()).toHaveLength(1);
    await channel.announce('debt_overdue', glass('owed'), 3);
    await channel.announce('debt_paid', glass('paid'), 0);
    expect(told()).toEqual([`trigger ${GLASS}`, `trigger ${DEBT}`, `resolve ${GLASS}`, `resolve ${DEBT}`]);
  });
});

describe('a lease whose end is not proven', () => {
  it('pages once it is late, until it is', async () => {
    const channel = makeChannel();
    await channel.leaseLate?.(doneView({ lease: 'open', outcome: null }));
    await channel.leaseLate?.(doneView({ lease: 'open' }));
    await channel.announce('concluded', doneView({ lease: 'open' }), 0);
    expect(told()).toEqual([`trigger ${LEASE}`]);
    expect(events[0]?.payload).toMatchObject({
      severity: 'critical',
      summary: expect.stringContaining('has not provably ended') as string,
    });
    await channel.announce('concluded', doneView(), 0);
    expect(told()).toEqual([`trigger ${LEASE}`, `resolve ${LEASE}`]);
  });

  it('that ends in time pages nobody, nor one that ends with its time', async () => {
    await makeChannel().announce('concluded', doneView({ lease: 'open' }), 0);
    await makeChannel().announce('concluded', doneView(), 0);
    expect(told()).toEqual([]);
  });
});

describe('a pager that does not take it', () => {
  it.each([
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { temporary: true, retryAfterMs: 7_000 },
    ],
    [{ status: 503 }, { temporary: true, retryAfterMs: null }],
    [{ status: 403 }, { temporary: true, retryAfterMs: null }],
    [{ status: 400 }, { temporary: false, retryAfterMs: null }],
    [
      { status: 302, headers: { location: 'http://127.0.0.1:1/' } },
      { temporary: true, retryAfterMs: null },
    ],
  ])('answering %o is a fault %o, without the key; the next attempt pages', async (answer, fault) => {
    const channel = makeChannel();
    answers.push(answer);
    const error: unknown = await channel.announce('paged', waitingView(), 1).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServiceFault);
    expect(error).toMatchObject({ service: 'pager', ...fault });
    expect(inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error)).not.toContain(ROUTING_KEY);
    await channel.announce('paged', waitingView(), 1);
    expect(told()).toEqual([`trigger ${REVIEW}`]);
  });

  it('keeps an alert standing that could not be resolved', async () => {
    const channel = makeChannel();
    await channel.announce('paged', waitingView(), 1);
    answers.push({ status: 500 });
    await expect(channel.announce('concluded', doneView(), 0)).rejects.toThrow('PagerDuty answered 500.');
    await channel.announce('concluded', doneView(), 0);
    expect(told()).toEqual([`trigger ${REVIEW}`, `resolve ${REVIEW}`]);
  });
});

describe('an alert that stands although nobody said that it is over', () => {
  const pass = async (view: ActionView): Promise<void> => makeChannel([], [view]).catchUp?.();

  it('is resolved when the process was killed between the answer and the row', async () => {
    await makeChannel().announce('paged', waitingView(), 1);
    await database.pool.query("update countersign.channel_messages set state = 'posting', message_ts = null");
    await pass(waitingView());
    expect(told()).toEqual([`trigger ${REVIEW}`]);
    await pass(doneView());
    await pass(doneView());
    expect(told()).toEqual([`trigger ${REVIEW}`, `resolve ${REVIEW}`]);
  });

  it('is resolved when the action ended without an announcement', async () => {
    await makeChannel().announce('paged', waitingView(), 1);
    await makeChannel().leaseLate?.(doneView({ lease: 'open' }));
    await pass(doneView({ lease: 'open' }));
    expect(told()).toEqual([`trigger ${REVIEW}`, `trigger ${LEASE}`, `resolve ${REVIEW}`]);
    await pass(doneView());
    expect(told().at(-1)).toBe(`resolve ${LEASE}`);
  });

  it('stays while what it told of lasts, and is tried again where PagerDuty is away', async () => {
    await makeChannel().announce('paged', waitingView(), 1);
    await pass(waitingView());
    answers = [{ status: 503 }];
    await expect(pass(doneView())).rejects.toMatchObject({ service: 'pager', temporary: true });
    await pass(doneView());
    expect(told()).toEqual([`trigger ${REVIEW}`, `resolve ${REVIEW}`]);
  });
});
