import { describe, expect, it } from 'vitest';
import { makeVisible } from '../../../apps/console/api/http.js';
import { pastEvents } from '../../../apps/console/action/past-events.js';
import { upcomingEvents } from '../../../apps/console/action/upcoming-events.js';
import { diffSections } from '../../../apps/console/parts/diff-sections.js';
import { routeOf } from '../../../apps/console/routing.js';
import { relative, span } from '../../../apps/console/time/words.js';
import type { Action } from '../../../apps/console/api/types.js';
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

  it('says why there is no log', () => {
    const { logs } = waiting;
    expect(seen({ ...waiting, logs: logs && { ...logs, stored: null } })).toContain('named a log but did not send it');
    expect(seen({ ...waiting, logs: null })).not.toContain('The agent’s log');
  });

  it('shows what was not declared, that the agent is frozen for it, and who lifted that', () => {
    const frozen = seen(mismatchedAction());
    expect(frozen).toContain('20,000 rows were exported; the preview had said about 1.');
    expect(frozen).toMatch(/Agent export-bot is frozen since .*countersign unfreeze export-bot/s);
    const lifted = seen(mismatchedAction({ person: 'erin', reason: '<b>', atMs: NOW_MS }));
    expect(lifted).toMatch(/erin unfroze it .*<b>/s);
    expect(lifted).not.toContain('is frozen');
    expect(seen(waiting)).not.toContain('Incident');
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
  ])('%s', (_name, text, expected) => {
    expect(diffSections(text).map(({ title, lines }) => [title, lines.length])).toEqual(expected);
  });
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
    const kinds = ['request', 'preview', 'plan', 'decision', 'fetch', 'something-new'];
    const timeline = kinds.map((kind, index) => ({ kind, atMs: index, signedBy: 'x/1', digest: String(index) }));
    const told = pastEvents({ ...waiting, timeline });
    expect(told.map(({ sentence }) => sentence)).toEqual([
      'export-bot asked for database.export',
      'Preview made, read-only; 2 risks found',
      'Held: policy said who must countersign',
      'dora approved, through slack',
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
