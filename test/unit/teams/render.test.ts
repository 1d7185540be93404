import { describe, expect, it } from 'vitest';
import { CARD_BYTES, cardBytes, type Card } from '../../../src/channels/teams/card.js';
import { refreshing } from '../../../src/channels/teams/refresh.js';
import { renderAction, renderNotice, renderReplaced } from '../../../src/channels/teams/render.js';
import { NOBODY_ON_CALL } from '../../fakes/slack/slack-gateway.js';
import { dueReplies } from '../../../src/channels/teams/replies.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { faultsOf } from '../../fakes/teams/card-faults.js';
import { objectsIn, textOf } from '../../fakes/teams/fake-teams.js';
import { exportView, flagsOf, grantView, queryOf, sshView } from '../rendering/operation-views.js';
import { largePlanView, planViewForPeople } from '../rendering/plan-views.js';
import { largePolicyView, policyViewForPeople } from '../rendering/policy-views.js';
import {
  ACTION_DIGEST,
  ACTION_ID,
  decisionOf,
  doneView,
  glassView,
  HOSTILE,
  LOG,
  PUBLIC_URL,
  waitingView,
} from '../slack/views.js';
import { directory, teamsIds } from './views.js';

const context = { directory, publicUrl: PUBLIC_URL, log: LOG };
const cardOf = (view: ActionView): Card => renderAction(view, context).card;

const verbsOf = (card: unknown): unknown[] => objectsIn(card).flatMap(({ verb }) => (verb === undefined ? [] : [verb]));
const runsOf = (card: Card): string[] =>
  objectsIn(card).flatMap(({ type, text }) => (type === 'TextRun' ? [String(text)] : []));

describe('a card', () => {
  it('finds faults in a card that has some', () => {
    const broken = { ...cardOf(waitingView()), body: [{ type: 'RichTextBlock' }, { type: 'Nothing' }] } as never;
    expect(faultsOf(broken)).not.toEqual([]);
  });

  it.each<[string, Card]>([
    ['that waits', cardOf(waitingView())],
    ['that is done', cardOf(doneView())],
    ['whose glass was broken, and is to be reviewed', cardOf(glassView('owed'))],
    ['with a word to whoever clicked', renderAction(waitingView(), context, { ok: false, words: 'Not counted.' }).card],
    ['that Teams did not take', renderNotice(waitingView(), context).card],
    ['that stands there twice', renderReplaced(ACTION_ID, context).card],
    [
      'that Teams asks for',
      refreshing(cardOf(waitingView()), { subject: ACTION_ID, slot: 'message', attemptedAtMs: 7 }, ['29:1']),
    ],
  ])('%s is as before, and valid', (_name, card) => {
    expect(faultsOf(card)).toEqual([]);
    expect(card).toMatchSnapshot();
  });

  it('names at most 60 people for whom Teams asks for it, and as many as a message has room for', () => {
    const asked = (bytes: number): number => {
      const card = { ...cardOf(waitingView()), fallbackText: 'x'.repeat(bytes) };
      const people = Array.from({ length: 100 }, (_, index) => `29:${String(index).padStart(136, '1')}`);
      const refreshed = refreshing(card, { subject: ACTION_ID, slot: 'message', attemptedAtMs: Date.now() }, people);
      expect(cardBytes(refreshed)).toBeLessThan(27_000);
      return refreshed.refresh?.userIds?.length ?? 0;
    };
    const rest = cardBytes({ ...cardOf(waitingView()), fallbackText: '' });
    expect([asked(0), asked(CARD_BYTES - rest)]).toEqual([60, 9]);
  });

  it('links the action in whose place another is asked for', () => {
    const { request } = waitingView();
    const replaces = '01K9ZZZZZZ0000000000000009';
    const runs = objectsIn(cardOf(waitingView({ request: { ...request, replaces } })));
    const selectAction = { type: 'Action.OpenUrl', title: `action ${replaces}`, url: `${PUBLIC_URL}/view/${replaces}` };
    expect(runs).toContainEqual(expect.objectContaining({ text: `action ${replaces}`, selectAction }));
  });

  it('shows what runs, who asks and why, risks, policy, what is known of the past, the log, and until when', () => {
    const text = textOf(cardOf(waitingView()));
    for (const words of [
      'Approval needed: database.export on orders (production)',
      'Report bot (agent reporter), owned by Cy Owner',
      'SELECT id, email FROM customers WHERE country = $1',
      '"DE"',
      'The quarterly report needs the German customers.',
      '🔴 high personal_data',
      'Needs 1 of dba',
      'Waiting for: 1 of dba.',
      'Owners of the target: Eve Without Slack.',
      'asking for approval',
      'Expires 2026-11-22 14:00 UTC',
    ])
      expect(text).toContain(words);
  });

  it('carries the action and the digest that was shown, and asks for a reason to deny', () => {
    const card = cardOf(waitingView());
    expect(verbsOf(card)).toEqual(['countersign.approve', 'countersign.deny']);
    const buttons = objectsIn(card).filter(({ type }) => type === 'Action.Execute');
    for (const { data } of buttons) expect(data).toEqual({ actionId: ACTION_ID, actionDigest: ACTION_DIGEST });
    expect(objectsIn(card).find(({ type }) => type === 'Input.Text')).toMatchObject({
      isRequired: true,
      maxLength: 2_000,
    });
    expect(objectsIn(card).some(({ type }) => type === 'Action.Submit')).toBe(false);
  });

  it.each<[string, Partial<ActionView>]>([
    ['is denied', { decisions: [decisionOf('ada', 'deny', 'no')] }],
    ['is approved', { state: 'approved' }],
    ['runs', { state: 'running' }],
  ])('of an action that %s has no buttons but the link', (_name, over) => {
    const card = cardOf(waitingView(over));
    expect(verbsOf(card)).toEqual([]);
    expect(card.actions).toEqual([
      { type: 'Action.OpenUrl', title: 'Full view', url: `${PUBLIC_URL}/view/${ACTION_ID}` },
    ]);
  });

  it('of an action that policy wants decided in the full view has the link alone', () => {
    const { plan } = waitingView();
    if (plan === null) throw new Error('the view has a plan');
    const card = cardOf(waitingView({ plan: { ...plan, assurance: 'web' } }));
    expect([verbsOf(card), card.actions.map(({ title }) => title)]).toEqual([[], ['Read it whole and decide']]);
  });
});

const withFlags = (view: ActionView): ActionView => ({ ...view, flags: flagsOf(50) });
const large: [string, ActionView][] = [
  ['a plan with 500 resources', largePlanView()],
  ['a policy of 6 KB', largePolicyView()],
  ['a query of 200 lines', exportView(queryOf(200))],
  ['a short query with 50 flags', withFlags(exportView('select 1'))],
];
const ordinary: [string, ActionView][] = [
  ['database.export', exportView('select c.country, sum(o.total) as total\nfrom orders o\ngroup by 1')],
  ['aws.iam.policy', policyViewForPeople()],
  ['infra.apply', planViewForPeople()],
  ['database.grant', grantView()],
  ['ssh.command', sshView()],
];

describe('a card of', () => {
  it.each([...ordinary, ...large])('%s is whole beside Approve, or there is the link instead', (_name, view) => {
    const card = cardOf(view);
    expect(faultsOf(card)).toEqual([]);
    expect(cardBytes(card)).toBeLessThanOrEqual(CARD_BYTES);
    const text = textOf(card);
    const isWhole = verbsOf(card).includes('countersign.approve');
    if (isWhole) {
      for (const line of (view.preview?.content.text ?? '').split('\n'))
        expect(text).toContain(`${line.replaceAll('\t', '    ')}\n`);
      for (const { sentence } of view.flags) expect(text).toContain(sentence);
      expect(text).not.toContain('Not shown whole');
    } else {
      expect(text).toContain('Not shown whole');
      expect(card.actions[0]).toMatchObject({ title: 'Read it whole and decide' });
    }
    // Deny stays in either case.
    expect(verbsOf(card)).toContain('countersign.deny');
  });

  it.each(ordinary)('%s can be approved in Teams', (_name, view) => {
    expect(verbsOf(cardOf(view))).toContain('countersign.approve');
  });

  it('a plan with 500 resources cannot', () => {
    expect(verbsOf(cardOf(largePlanView()))).not.toContain('countersign.approve');
  });
});

describe('text that is not ours', () => {
  const trick = `${HOSTILE} <at>Ada Fischer</at> [x](https://evil.example) {{DATE(2017-02-14T06:08:39Z,SHORT)}} {{TIME(2017-02-14T06:08:39Z)}} **b**`;
  const hostile = (view: ActionView): ActionView => ({
    ...view,
    request: {
      ...view.request,
      reason: trick,
      params: { ...view.request.params, query: trick },
      link: `https://evil.example/${trick}`,
    },
    target: { kind: 'postgres', name: trick, environment: trick },
    preview: view.preview && {
      ...view.preview,
      summary: trick,
      facts: [{ label: trick, value: trick }],
      content: { language: 'sql', text: trick },
    },
    flags: [{ code: 'production', severity: 'high', sentence: trick }],
    decisions: [decisionOf('ada', 'approve', trick)],
    outcome: view.outcome && { ...view.outcome, message: trick, result: { [trick]: trick } },
  });

  it.each([hostile(waitingView()), hostile(doneView())])('is in runs alone, and no macro, link or mention', (view) => {
    const { card, summary } = renderAction(
      view,
      { ...context, log: { ok: true, text: trick } },
      { ok: false, words: trick },
    );
    expect(faultsOf(card)).toEqual([]);
    expect(cardBytes(card)).toBeLessThanOrEqual(CARD_BYTES);
    for (const { type, text, url } of objectsIn(card)) {
      if (typeof text === 'string') expect(type).toBe('TextRun');
      if (typeof url === 'string') expect(url.startsWith(PUBLIC_URL)).toBe(true);
    }
    const runs = runsOf(card);
    expect(runs.filter((run) => /\{\{(?:DATE|TIME)\(/.test(run))).toEqual([]);
    expect(textOf(card)).toContain('{{DATE(2017-02-14T06:08:39Z,SHORT)}}');
    // NBSP is ours: indentation.
    expect(runs.filter((run) => /(?![\u00a0])[\p{Cc}\p{Cf}\u2028\u2029]/u.test(run))).toEqual([]);
    expect(summary).not.toMatch(/[\n\r\u202E]/);
  });

  it('of who breaks the glass is in runs alone, above the mentions of who reviews it', async () => {
    const replying = { directory, onCall: NOBODY_ON_CALL, tenantIds: [teamsIds.tenantId], reminds: false };
    const slots: string[] = [];
    for (const event of ['glass_broken', 'debt_reminded', 'debt_overdue'] as const)
      for (const { slot, message } of dueReplies(glassView('owed', trick), { ...replying, event, number: 2 })) {
        const { card } = await message();
        slots.push(slot);
        expect(faultsOf(card)).toEqual([]);
        const mentioned = objectsIn(card).flatMap(({ type, text }) => (type === 'mention' ? [text] : []));
        const reviewers = ['<at>Ada Fischer</at>', '<at>Bo Lind admin</at>'];
        expect(mentioned).toEqual(slot.includes('reminder') ? [] : reviewers);
        for (const { type, text } of objectsIn(card))
          if (typeof text === 'string' && type !== 'TextRun') expect(text).toMatch(/^(?:<at>[\w ]+<\/at> ?)+$/);
      }
    expect([...new Set(slots)]).toEqual(['glass/1', 'glass/reminder/2', 'glass/overdue/2']);
  });

  it('in names does not end a mention', async () => {
    const people = directory.people().map((person) => ({ ...person, name: 'A</at> <at>everyone [x](y) *b*' }));
    const named = { ...directory, people: () => people };
    const [asked] = dueReplies(waitingView(), {
      directory: named,
      onCall: NOBODY_ON_CALL,
      tenantIds: [teamsIds.tenantId],
      event: 'opened',
      number: 1,
      reminds: false,
    });
    const block = objectsIn((await asked?.message())?.card).find(({ type }) => type === 'TextBlock');
    expect(block?.['text']).toMatch(/^(?:<at>Aat ateveryone xy b<\/at> ?)+$/);
  });
});
