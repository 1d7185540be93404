import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, it, vi } from 'vitest';
import { makeVisible } from '../../../apps/console/api/http.js';
import { signInPath } from '../../../apps/console/api/session.js';
import { pastEvents } from '../../../apps/console/action/past-events.js';
import { upcomingEvents } from '../../../apps/console/action/upcoming-events.js';
import { ActionRow } from '../../../apps/console/lists/action-row.js';
import { FrozenPart } from '../../../apps/console/lists/frozen.js';
import { StandingNotices } from '../../../apps/console/parts/standing.js';
import { diffSections } from '../../../apps/console/parts/diff-sections.js';
import { routeOf, RoutingProvider } from '../../../apps/console/routing.js';
import { relative, span } from '../../../apps/console/time/words.js';
import type { Action } from '../../../apps/console/api/types.js';
import { toSummary } from '../../../src/channels/api/schemas.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { finishedAction, hostileAction, mismatchedAction, NOW_MS, waitingAction } from '../cli/action-fixture.js';
import { onPage, seenOn } from '../rendering/channels.js';

const seen = (view: ActionView): string => seenOn(onPage(view));
const MINUTE_MS = 60_000;

describe('the full view of an action', () => {
  const link = 'https://traces.example/<b>1</b>';
  const { request } = waitingAction();
  const waiting = waitingAction({ request: { ...request, link, tainted: true } });

  it('shows the link to the run as text, and that untrusted input was read', () => {
    const markup = onPage(waiting);
    expect(seenOn(markup)).toContain(link);
    expect(markup).not.toContain('href="https:');
    expect(seenOn(markup)).toContain('had read untrusted input before it asked');
  });

  it('shows who owns the target, who is barred, the last actions, and what the log lost', () => {
    const text = seen(waiting);
    for (const words of ['Owned by dana and emil', 'olga: owner of the agent', '1 secret was left out: 1 password.'])
      expect(text).toContain(words);
    expect(text).toMatch(/database\.export on orderssucceeded/);
  });

  it('says how whoever decided was signed in, where the channel knows', () => {
    const [decision] = finishedAction().decisions;
    if (decision === undefined) throw new Error('the finished action has a decision');
    const told = (signIn: typeof decision.signIn): string =>
      pastEvents({
        ...finishedAction(),
        decisions: [{ ...decision, ...(signIn && { signIn }) }],
        timeline: [{ kind: 'decision', atMs: decision.decidedAtMs, signedBy: 'intake/1', digest: '' }],
      } as Action)
        .map(({ sentence }) => sentence)
        .join('\n');
    const authTimeMs = decision.decidedAtMs - 40_000;
    expect(told({ authTimeMs, acr: 'phr' })).toContain(', signed in 40 s before (phr)');
    expect(told({ authTimeMs: null, acr: null })).toContain(', signed in at a time that is not known');
    expect(told(undefined)).not.toContain('signed in');
  });

  it('links the action in whose place it is asked for', () => {
    const replaces = '01K9ZZZZZZ0000000000000009';
    expect(onPage(waitingAction({ request: { ...request, replaces } }))).toContain(`href="/view/${replaces}"`);
    expect(seen(waiting)).not.toContain('In the place of');
  });

  it('says why there is no log', () => {
    const { logs } = waiting;
    expect(seen({ ...waiting, logs: logs && { ...logs, stored: null } })).toContain('named a log but did not send it');
    expect(seen({ ...waiting, logs: null })).not.toContain('The agent’s log');
  });

  it('shows what was not declared, that the agent is frozen for it, and who lifted that', () => {
    const frozen = seen(mismatchedAction());
    expect(frozen).toContain('20,000 rows were exported; the preview had said about 1.');
    expect(frozen).toMatch(/Agent export-bot is frozen since .*countersign unfreeze agent export-bot/s);
    const lifted = seen(mismatchedAction({ person: 'erin', reason: '<b>', atMs: NOW_MS }));
    expect(lifted).toMatch(/erin unfroze it .*<b>/s);
    expect(lifted).not.toContain('is frozen');
    expect(seen(waiting)).not.toContain('Incident');
  });

  it('lets who reads it freeze the agent', () => {
    expect(onPage(waiting)).toMatch(/<button type="button">Freeze this agent…<\/button>/);
  });

  const reason = 'The shop is <b>down</b>.';
  const by = ['erin', 'fay'].map((person) => ({ person, reason, atMs: NOW_MS }));
  const debt = { claim: 'c'.repeat(64), by: ['erin', 'fay'], claimedAtMs: NOW_MS, dueAtMs: Date.UTC(2100, 0, 1) };
  const found = { person: 'ben', groups: ['dba'], verdict: 'unjustified' as const, reason: '<i>No.</i>', atMs: NOW_MS };
  const owed = { state: 'owed' as const, open: [], by, debt: { ...debt, open: ['dba'], retrospectives: [] } };
  const glasses: [string, NonNullable<ActionView['breakGlass']>, RegExp[]][] = [
    [
      'that one person breaks',
      { state: 'offered', open: [{ group: 'security', places: 1 }], by: by.slice(0, 1), debt: null },
      [/Somebody breaks the glass/, /erin broke it\. Once 1 more of security has, it runs without the review/],
    ],
    [
      'that was broken',
      { state: 'broken', open: [], by, debt: null },
      [/The glass was broken/, /erin and fay broke it: it is let run without the review.*1 of dba had not approved/],
    ],
    ['that is to be reviewed', owed, [/Review owed by dba: it is due in \d+ d/, /nobody can break the glass again/]],
    [
      'whose review is late',
      { ...owed, debt: { ...owed.debt, dueAtMs: NOW_MS } },
      [/Review overdue by dba: it was due .* ago/],
    ],
    [
      'that was found not justified',
      { ...owed, state: 'paid', debt: { ...debt, open: [], retrospectives: [found] } },
      [/The glass was broken, and that was not found justified/, /ben, for dba, found it not justified.*<i>No\.<\/i>/],
    ],
  ];
  it.each(glasses)('tells of a glass %s, in words that do nothing', (_what, breakGlass, words) => {
    const markup = onPage(waitingAction({ breakGlass }));
    expect(markup).not.toMatch(/<[bi]>/);
    const text = seenOn(markup);
    expect(text).toContain('The shop is <b>down</b>.');
    for (const pattern of words) expect(text).toMatch(pattern);
    expect(text.includes('glass broken')).toBe(breakGlass.state !== 'offered' || breakGlass.by.length > 0);
  });

  it('says nothing of a glass that nobody touched', () => {
    const untouched = { state: 'offered' as const, open: [{ group: 'security', places: 2 }], by: [], debt: null };
    expect(seen(waitingAction({ breakGlass: untouched }))).not.toMatch(/glass/i);
  });

  it('shows what is frozen, why in words that do nothing, and who has begun to lift it', () => {
    const scope = { kind: 'operation', operation: 'database.export' } as const;
    const lifts = [{ person: 'fay', reason: '<i>mended</i>', atMs: NOW_MS }];
    const freeze = { digest: 'a'.repeat(64), scope, because: 'person' as const, by: 'erin', reason: '<b>leaks</b>' };
    const markup = renderToStaticMarkup(
      createElement(FrozenPart, { freeze: { ...freeze, actionId: null, frozenAtMs: NOW_MS, lifts, missing: 1 } }),
    );
    expect(markup).not.toMatch(/<[bi]>/);
    const text = seenOn(markup);
    for (const words of [
      'Frozen: operation database.export',
      'By erin',
      '<b>leaks</b>',
      'fay, who says',
      '<i>mended</i>',
    ])
      expect(text).toContain(words);
    expect(text).toContain('One more person can lift it: countersign unfreeze operation database.export');
  });

  it('says on every page what stops work and what to do, in words that do nothing', () => {
    const alarm = {
      digest: 'a'.repeat(64),
      code: 'ledger_gap',
      severity: 'critical' as const,
      sentence: 'Row <b>7</b> is missing.',
      stopsApprovals: true,
      raisedAtMs: NOW_MS,
      cleared: null,
    };
    const cleared = { reason: 'x', by: { person: 'erin', group: 'security' }, clearedAtMs: NOW_MS };
    const freeze = { digest: 'b'.repeat(64), because: 'person' as const, by: 'erin', reason: 'x', actionId: null };
    const frozen = { ...freeze, scope: { kind: 'all' } as const, frozenAtMs: NOW_MS, lifts: [], missing: 2 };
    const NOTHING = { freezes: [], unreadable: [] };
    const banner = (part: Partial<Parameters<typeof StandingNotices>[0]>): string =>
      renderToStaticMarkup(
        createElement(RoutingProvider, null, createElement(StandingNotices, { alarms: [], freezes: NOTHING, ...part })),
      );
    const alarmed = banner({ alarms: [{ ...alarm, digest: 'c'.repeat(64) }, alarm] });
    expect(alarmed).not.toContain('<b>');
    expect(seenOn(alarmed)).toMatch(
      /Nothing is approved or run while the alarm ledger_gap stands.*Row <b>7<\/b> is missing\..*countersign clear a{64} .*One more alarm stands/s,
    );
    expect(seenOn(banner({ freezes: { ...NOTHING, freezes: [frozen] } }))).toContain(
      'Frozen: everything. Nothing of it',
    );
    expect(seenOn(banner({ freezes: { ...NOTHING, unreadable: [frozen.digest] } }))).toContain('does not verify');
    // What was cleared, or stops nothing, is no one's worry here.
    expect(
      banner({
        alarms: [
          { ...alarm, cleared },
          { ...alarm, stopsApprovals: false },
        ],
        freezes: null,
      }),
    ).toBe('');
  });

  it('shows a finished one with its lease, the proof of the end, and the receipt', () => {
    const markup = onPage(finishedAction());
    const text = seenOn(markup);
    for (const words of [
      'v-export-01M82BED',
      'sys/leases/lookup: invalid lease',
      '6'.repeat(64),
      'each fetch is on record',
    ])
      expect(text).toContain(words);
    expect(markup).not.toContain('class="approve"');
  });

  it('leaves nothing invisible or live in hostile text', () => {
    const markup = onPage(hostileAction());
    expect(markup).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}]/u);
    expect(seenOn(markup)).toContain('⟨U+202E⟩dlrow');
  });
});

it('makes every text visible, names too, and leaves the rest as it is', () => {
  expect(makeVisible({ 'a\u202E': ['b\u200B', 1, null, true] })).toEqual({ 'a⟨U+202E⟩': ['b⟨U+200B⟩', 1, null, true] });
});

it('lets no name hide another that looks alike', () => {
  const shown = makeVisible({ 'a⟨U+200B⟩': 1, 'a\u200B': 2 });
  expect(shown).toEqual({ 'a⟨U+200B⟩': 1, 'a⟨U+200B⟩⟨again⟩': 2 });
});

describe('a diff', () => {
  it('falls into its parts, each line in one, with its number', () => {
    const text = 'Plan: 2\n\n@@ change a @@\n- x\n+ y\n\n@@ create b, 2 instances @@\n+ z\n@@   ["one"] @@\n+ w';
    const parts = diffSections(text);
    expect(parts.map(({ title, from, added, removed }) => [title, from, added, removed])).toEqual([
      [null, 1, 0, 0],
      ['change a', 4, 1, 1],
      ['create b, 2 instances', 8, 2, 0],
    ]);
    expect(parts[2]?.lines).toEqual(['+ z', '@@   ["one"] @@', '+ w']);
    expect(parts[2]?.tones).toEqual(['added', 'heading', 'added']);
  });

  it.each([
    ['without headings', '--- a\n+++ b\n-x', [[null, 3]]],
    ['that begins with one', '@@ a @@\n x', [['a', 1]]],
    ['that is empty', '', [[null, 1]]],
    [
      'of several files, each named in the heading of its first hunk',
      ' what it means\n--- a.cedar\n+++ a.cedar\n@@ -1 +1 @@\n-x\n+y\n@@ -9 +9,2 @@\n z\n+w\n--- b, which is not there\n+++ b\n@@ -0,0 +1 @@\n+v',
      [
        [null, 1],
        ['a.cedar -1 +1', 2],
        ['-9 +9,2', 2],
        ['b, which is not there → b -0,0 +1', 1],
      ],
    ],
  ])('%s', (_name, text, expected) => {
    expect(diffSections(text).map(({ title, lines }) => [title, lines.length])).toEqual(expected);
  });
});

it.each([
  [null, false],
  ['offered', false],
  ['broken', true],
  ['owed', true],
  ['paid', true],
] as const)('a row of a list whose glass is %s marks it as broken: %s', (state, isMarked) => {
  const breakGlass = state === null ? null : { state, open: [], by: [], debt: null };
  const row = createElement(ActionRow, { action: toSummary({ ...finishedAction(), breakGlass }) });
  const text = seenOn(renderToStaticMarkup(createElement(RoutingProvider, null, row)));
  expect(text.includes('glass broken')).toBe(isMarked);
});

describe('the time line', () => {
  const escalations = [
    { afterMs: 10 * MINUTE_MS, group: 'dba-lead' },
    { afterMs: 900 * MINUTE_MS, group: 'never-reached' },
  ];
  const { plan } = waitingAction();
  const waiting = waitingAction({ plan: plan && { ...plan, escalations } }) as Action;

  it('tells what is to come until it expires, but for what has come', () => {
    const opened = waiting.openedAtMs ?? 0;
    expect(upcomingEvents(waiting).map(({ atMs }) => atMs)).toEqual([opened + 10 * MINUTE_MS, waiting.expiresAtMs]);
    const escalated = [{ group: 'dba-lead', firedAtMs: NOW_MS }];
    expect(upcomingEvents({ ...waiting, escalated })).toHaveLength(1);
    expect(upcomingEvents({ ...waiting, state: 'approved' })).toEqual([]);
  });

  it('tells each statement in words, decisions with their reason', () => {
    const kinds = ['request', 'preview', 'plan', 'decision', 'claim', 'retrospective', 'fetch', 'something-new'];
    const timeline = kinds.map((kind, index) => ({ kind, atMs: index, signedBy: 'x/1', digest: String(index) }));
    const found = { person: 'ben', groups: ['dba'], verdict: 'justified' as const, reason: 'Right.', atMs: NOW_MS };
    const breakGlass = {
      ...{ state: 'paid' as const, open: [], by: [] },
      debt: { claim: '', by: ['erin', 'fay'], claimedAtMs: 1, dueAtMs: 2, open: [], retrospectives: [found] },
    };
    const told = pastEvents({ ...waiting, breakGlass, timeline });
    expect(told.map(({ sentence }) => sentence)).toEqual([
      'export-bot asked for database.export',
      'Preview made, read-only; 2 risks found',
      'Held: policy said who must countersign',
      'dora approved, through slack',
      'The executor judged all of it again, and took it because erin and fay broke the glass',
      'ben, for dba, found that breaking the glass was justified',
      'The output was fetched',
      'something-new',
    ]);
    expect(told[3]).toMatchObject({ words: 'Seen the ticket.', tone: 'good' });
  });
});

it.each([
  ['/', { page: 'queue' }],
  ['/queue/', { page: 'queue' }],
  ['/actions', { page: 'actions' }],
  ['/actions?show=incidents', { page: 'incidents' }],
  ['/view/01M82BEDCBHPE39GJ5Q8ZMGYDJ', { page: 'action', actionId: '01M82BEDCBHPE39GJ5Q8ZMGYDJ' }],
  ['/view/../x', { page: 'nowhere' }],
])('%s leads where it says', (path, route) => {
  expect(routeOf(new URL(path, 'https://countersign.test'))).toEqual(route);
});

it.each([
  [0, 'just now', '0 s'],
  [-59_000, '59 s ago', '0 s'],
  [-125_000, '2 min ago', '0 s'],
  [125_000, 'in 2 min', '2 min 5 s'],
  [7_500_000, 'in 2 h 5 min', '2 h 5 min'],
  [93_600_000, 'in 1 d 2 h', '1 d 2 h'],
])('%i ms away is %s', (awayMs, words, left) => {
  if (awayMs !== 0) expect(relative(NOW_MS + awayMs, NOW_MS)).toBe(words);
  expect(span(awayMs)).toBe(left);
});

describe('the way to sign in', () => {
  it.each([
    ['/queue', '', '/queue'],
    ['/actions', '?q=reporter+denied', '/actions?q=reporter+denied'],
    ['/actions', "?q='(x)'", '/actions'],
    ['/actions', `?q=${'x'.repeat(600)}`, '/actions'],
    ['/nowhere', '?x=1', '/'],
  ])('leads back from %s%s to %s', (pathname, search, expected) => {
    vi.stubGlobal('window', { location: { pathname, search } });
    const query = new URL(signInPath(), 'https://countersign.example').searchParams;
    expect(query.get('returnTo')).toBe(expected);
  });
});
