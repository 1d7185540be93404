import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import type { ActionView } from '../../src/record/action-view.js';
import type { LogText } from '../../src/record/log-text.js';
import type { Fields } from '../fakes/slack/block-kit.js';
import { createMessageDatabase, type MessageDatabase } from '../fakes/slack/message-database.js';
import { must, startSlackGateway, type SlackGateway } from '../fakes/slack/slack-gateway.js';
import { ACTION_DIGEST, ACTION_ID, LOG, planOf, slackIds, waitingView } from '../unit/slack/views.js';

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

const LINES = 1_500;
const QUERY = `select ${Array.from({ length: LINES }, (_, n) => `column_${String(n)}`).join(',\n')} from customers`;

/** An export whose query is far too long for a message. */
function longView(over: Partial<ActionView> = {}): ActionView {
  const base = waitingView();
  if (base.preview === null) throw new Error('the waiting view has a preview');
  return waitingView({
    preview: { ...base.preview, content: { language: 'sql', text: QUERY } },
    request: { ...base.request, params: { target: 'orders', query: QUERY, format: 'csv' } },
    ...over,
  });
}

const view = (id: string): Fields => gateway.slack.state.view(id);
const titleOf = (id: string): unknown => (view(id)['title'] as Fields)['text'];
const buttonsOf = (id: string): unknown[] =>
  (view(id)['blocks'] as Fields[]).flatMap((block) =>
    block['type'] === 'actions' ? (block['elements'] as Fields[]).map((button) => button['action_id']) : [],
  );
const textsOf = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return '';
  if (Array.isArray(value)) return value.map(textsOf).join('');
  const { text } = value as { text?: unknown };
  return typeof text === 'string' ? text : Object.values(value).map(textsOf).join('');
};
const press = (viewId: string, button: 'back' | 'next' | 'approve', userId = 'U0ADA'): Promise<Response> =>
  gateway.slack.clickInView(gateway.url, { viewId, button: `countersign_read_${button}`, userId });
/** Waits until the modal shows this. */
const shows = (viewId: string, words: string | RegExp): Promise<void> =>
  vi.waitFor(
    () => {
      const shown = textsOf(view(viewId));
      if (typeof words === 'string' ? !shown.includes(words) : !words.test(shown))
        throw new Error(`${String(words)} is not in: ${shown.slice(0, 200)} … ${shown.slice(-400)}`);
    },
    { timeout: 10_000 },
  );

async function openFirst(shown = longView(), log: LogText | null = null): Promise<string> {
  await gateway.click(await gateway.post(shown, log), 'read');
  return vi.waitFor(() => must(gateway.slack.state.views().at(-1)));
}

/** Turns to the last page; gives all pages' text. */
async function readAll(viewId: string): Promise<string[]> {
  const total = Number(/of (\d+)$/.exec(String(titleOf(viewId)))?.[1]);
  const pages = [textsOf((view(viewId)['blocks'] as Fields[])[0])];
  for (let page = 2; page <= total; page += 1) {
    await press(viewId, 'next');
    await shows(viewId, new RegExp(`^Page ${String(page)} of ${String(total)}`));
    pages.push(textsOf((view(viewId)['blocks'] as Fields[])[0]));
  }
  return pages;
}

describe('“Read all here”', () => {
  it('stands where the message does not hold all, and shows all of it, page by page', async () => {
    const viewId = await openFirst(longView(), LOG);
    const pages = await readAll(viewId);
    expect(pages.length).toBeGreaterThan(2);
    const all = pages.join('');
    for (const whole of [
      QUERY,
      'Column customers.email looks like personal data.',
      'Public.customers'.toLowerCase(),
      'asking for approval',
      'Needs 1 of dba',
    ])
      expect(all).toContain(whole);
  });

  it('offers Approve on the last page only, and approves as the person who read', async () => {
    const viewId = await openFirst();
    expect(buttonsOf(viewId)).toEqual(['countersign_read_next']);
    await readAll(viewId);
    expect(buttonsOf(viewId)).toEqual(['countersign_read_back', 'countersign_read_approve']);
    await press(viewId, 'approve');
    await shows(viewId, 'it was the last one needed');
    expect(gateway.decided).toMatchObject([
      {
        actionId: ACTION_ID,
        actionDigest: ACTION_DIGEST,
        decision: 'approve',
        person: { id: 'ada' },
        via: { channel: 'slack', subject: `${slackIds.teamId}/U0ADA` },
      },
    ]);
    expect(buttonsOf(viewId)).toEqual([]);
  });

  it('leads back and forth', async () => {
    const viewId = await openFirst();
    await press(viewId, 'next');
    await shows(viewId, /^Page 2 of/);
    await press(viewId, 'back');
    await shows(viewId, /^Page 1 of/);
  });

  it('is a list of pages too long to turn: then the full view alone', async () => {
    const text = 'x'.repeat(700_000);
    const viewId = await openFirst(
      longView({ preview: { ...must(waitingView().preview ?? undefined), content: { language: 'text', text } } }),
    );
    expect(textsOf(view(viewId))).toMatch(/pages long, too long to be read here/);
    expect(buttonsOf(viewId)).toEqual([]);
  });

  it('shows an action that policy lets be decided in the full view only, without Approve', async () => {
    const viewId = await openFirst(longView({ plan: { ...planOf({ group: 'dba', quorum: 1 }), assurance: 'web' } }));
    await readAll(viewId);
    expect(buttonsOf(viewId)).toEqual(['countersign_read_back']);
    expect(textsOf(view(viewId))).toContain('decided in the full view only');
  });
});

describe('nothing is decided, and no page is shown, when', () => {
  const before = (): unknown => [gateway.decided, gateway.slack.state.views()];

  it.each<[string, string, Fields, string]>([
    ['somebody who is not in the directory', 'U0NOBODY', {}, 'not in the Countersign directory'],
    ['a guest', 'U0ADA', { is_restricted: true }, 'full, active member'],
  ])('the pages are opened by %s', async (_name, userId, fields, words) => {
    const ts = await gateway.post(longView());
    gateway.slack.state.setUser(userId, { ...gateway.slack.state.user(userId), ...fields });
    await gateway.click(ts, 'read', userId);
    expect(await gateway.told()).toContain(words);
    expect(before()).toEqual([[], []]);
    expect(gateway.refused).toMatchObject([{ code: 'person_unknown' }]);
  });

  it('the message is not ours', async () => {
    await gateway.post(longView());
    const [ours] = gateway.slack.state.messages(slackIds.channel);
    gateway.slack.state.plant(slackIds.channel, { blocks: ours?.blocks ?? [], app_id: 'A0OTHER' });
    await gateway.click(gateway.slack.state.messages(slackIds.channel).at(-1)?.ts ?? '', 'read');
    expect(await gateway.told()).toContain('not the message that Countersign keeps');
    expect(before()).toEqual([[], []]);
  });

  it('Approve is pressed before the last page, as no client of ours lets one', async () => {
    const viewId = await openFirst();
    const page = structuredClone(view(viewId));
    const payload = gateway.slack.payloads.pageClick({ viewId, button: 'countersign_read_next', userId: 'U0ADA' });
    payload['actions'] = [{ ...(payload['actions'] as Fields[])[0], action_id: 'countersign_read_approve' }];
    await gateway.slack.send(gateway.url, payload);
    await shows(viewId, 'Read all pages first');
    expect([page['private_metadata'] === '', gateway.decided]).toEqual([false, []]);
    expect(gateway.refused).toMatchObject([{ code: 'forbidden' }]);
  });

  it.each<[string, (sealed: { context: Fields; mac: string }) => unknown]>([
    ['claims a later page', (sealed) => ({ ...sealed, context: { ...sealed.context, page: 9 } })],
    [
      'names another action',
      (sealed) => ({ ...sealed, context: { ...sealed.context, actionId: '01K9ZZZZZZ0000000000000002' } }),
    ],
    ['has no seal', ({ context }) => ({ context })],
    ['is no object', () => 'x'],
  ])('what is sealed into the page %s', async (_name, alter) => {
    const viewId = await openFirst();
    await readAll(viewId);
    const open = view(viewId);
    open['private_metadata'] = JSON.stringify(alter(JSON.parse(String(open['private_metadata'])) as never));
    await press(viewId, 'approve');
    await vi.waitFor(() => must(gateway.refused[0]));
    expect([gateway.decided, gateway.refused]).toMatchObject([[], [{ code: 'forbidden' }]]);
  });

  it('the form is one for denials, of the same person and action', async () => {
    const ts = await gateway.post(longView());
    await gateway.click(ts, 'deny');
    const denial = await vi.waitFor(() => must(gateway.slack.state.views()[0]));
    await gateway.click(ts, 'read');
    const viewId = await vi.waitFor(() => must(gateway.slack.state.views()[1]));
    view(viewId)['private_metadata'] = view(denial)['private_metadata'];
    await press(viewId, 'next');
    await vi.waitFor(() => must(gateway.refused[0]));
    expect(gateway.refused).toMatchObject([{ code: 'forbidden' }]);
  });

  it('another person presses in the pages', async () => {
    const viewId = await openFirst();
    await readAll(viewId);
    await press(viewId, 'approve', 'U0BO');
    await vi.waitFor(() => must(gateway.refused[0]));
    expect([gateway.decided, gateway.refused]).toMatchObject([[], [{ code: 'forbidden' }]]);
  });

  it.each<[string, () => ActionView, LogText | null]>([
    ['the action', () => longView({ actionDigest: 'cd'.repeat(32) }), null],
    ['the round', () => longView({ round: 2 }), null],
    ['a risk', () => longView({ flags: [] }), null],
    ['the log', () => longView(), LOG],
  ])('%s has changed since the first page was shown', async (_name, changed, log) => {
    const viewId = await openFirst();
    await readAll(viewId);
    gateway.onRecord.set(ACTION_ID, { view: changed(), log });
    await press(viewId, 'approve');
    await shows(viewId, 'has changed since this was shown');
    expect([gateway.decided, gateway.refused]).toMatchObject([[], [{ code: 'digest_mismatch' }]]);
  });

  it('the person was deactivated since the pages were opened', async () => {
    const viewId = await openFirst();
    await readAll(viewId);
    gateway.slack.state.setUser('U0ADA', { deleted: true });
    await press(viewId, 'approve');
    await shows(viewId, 'full, active member');
    expect(gateway.decided).toEqual([]);
  });
});

describe('/countersign', () => {
  const ask = async (
    userId = 'U0ADA',
    fields: Fields = {},
  ): Promise<{ status: number; text: string; body: Fields }> => {
    const response = await gateway.slack.command(gateway.url, { userId, fields });
    const body = (await response.json()) as Fields;
    return { status: response.status, text: textsOf(body['blocks']), body };
  };

  it('lists to the person alone what waits for them, with links', async () => {
    await gateway.post();
    const { body, text } = await ask();
    expect(body['response_type']).toBe('ephemeral');
    expect(text).toContain('1 action waits for you');
    expect(text).toContain('database.export on orders (production)');
    expect(JSON.stringify(body['blocks'])).toContain(`/view/${ACTION_ID}`);
  });

  it.each([
    ['who is barred', 'U0CY'],
    ['of another group', 'U0DI'],
  ])('lists nothing to a person %s', async (_name, userId) => {
    gateway.slack.state.setUser(userId, {});
    await gateway.post();
    expect((await ask(userId)).body['text']).toBe('Nothing waits for you.');
  });

  it.each<[string, string, Fields]>([
    ['somebody who is not in the directory', 'U0NOBODY', {}],
    ['a guest', 'U0ADA', { is_restricted: true }],
    ['somebody who is deactivated', 'U0ADA', { deleted: true }],
  ])('tells nothing to %s', async (_name, userId, fields) => {
    await gateway.post();
    gateway.slack.state.setUser(userId, { ...gateway.slack.state.user(userId), ...fields });
    const { text } = await ask(userId);
    expect(text).toMatch(/^Not counted: /);
    expect(text).not.toContain('database.export');
    expect(gateway.refused).toMatchObject([{ code: 'person_unknown' }]);
  });

  it.each<[string, Fields, number]>([
    ['another workspace', { team_id: 'T0OTHER' }, 403],
    ['another app', { api_app_id: 'A0OTHER' }, 403],
    ['a user id that is none', { user_id: 'ada' }, 400],
  ])('is turned away when it names %s', async (_name, fields, status) => {
    expect((await ask('U0ADA', fields)).status).toBe(status);
    expect(gateway.refused).toHaveLength(1);
  });

  it('does not name what went wrong in a service', async () => {
    gateway.slack.failNext('users.info', { status: 500 });
    expect((await ask()).text).toContain('a service that it needs did not answer');
  });
});

describe('a confirmed address on an allowed domain', () => {
  const EVE = 'U0EVE';
  const known = { profile: { email: 'eve@example.com' }, is_email_confirmed: true };
  const approveAs = async (userId: string, fields: Fields): Promise<string> => {
    gateway.slack.state.setUser(userId, fields);
    await gateway.click(await gateway.post(), 'approve', userId);
    return gateway.told();
  };

  it.each([
    ['as it is', 'eve@example.com'],
    ['whatever the case of its letters', 'Eve@Example.COM'],
  ])('leads to the person who has it, %s', async (_name, email) => {
    expect(await approveAs(EVE, { ...known, profile: { email } })).toContain('Your approval counts');
    expect(gateway.decided).toMatchObject([{ person: { id: 'eve' }, via: { subject: `${slackIds.teamId}/${EVE}` } }]);
  });

  it.each<[string, Fields]>([
    ['is not confirmed', { is_email_confirmed: false }],
    ['is confirmed by nobody’s word', { is_email_confirmed: undefined }],
    ['is missing', { profile: {} }],
    ['is of a foreign domain', { profile: { email: 'eve@example.com.evil.example' } }],
    ['is of a subdomain', { profile: { email: 'eve@sub.example.com' } }],
    ['has two @', { profile: { email: 'eve@evil.example@example.com' } }],
    ['looks alike', { profile: { email: '\u0435ve@example.com' } }],
    ['lower-cases into it', { profile: { email: 'eve@\u212Axample.com' } }],
    ['has a space', { profile: { email: ' eve@example.com' } }],
    ['is nobody’s', { profile: { email: 'nobody@example.com' } }],
    // Ada's entry names another account of this workspace: that one alone is hers.
    ['is of a person with another account here', { profile: { email: 'ada@example.com' } }],
    ['is a guest’s', { is_restricted: true }],
    ['is a bot’s', { is_bot: true }],
    ['is of a deactivated account', { deleted: true }],
    ['is of another workspace’s account', { team_id: 'T0OTHER' }],
    ['is an outsider’s in a shared channel', { is_stranger: true }],
  ])('decides nothing when it %s', async (_name, fields) => {
    // A person of another workspace is turned away by the signed payload alone.
    const ts = await gateway.post();
    gateway.slack.state.setUser(EVE, known);
    const sent = gateway.slack.payloads.click({
      conversation: slackIds.channel,
      ts,
      button: 'countersign_approve',
      userId: EVE,
    });
    gateway.slack.state.setUser(EVE, { ...known, ...fields });
    await gateway.slack.send(gateway.url, sent);
    expect(await gateway.told()).toMatch(/^Not counted: /);
    expect([gateway.decided, gateway.refused]).toEqual([
      [],
      [{ code: 'person_unknown', who: `slack/${slackIds.teamId}/${EVE}` }],
    ]);
  });

  it('is not looked at without an allowed domain', async () => {
    Object.assign(gateway.options, { emailDomains: [] });
    expect(await approveAs(EVE, known)).toContain('not in the Countersign directory');
  });
});
