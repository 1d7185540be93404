import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../src/channels/message/rich-text.js';
import { BLOCK_LIMITS } from '../../../src/channels/slack/blocks.js';
import { escapeMrkdwn } from '../../../src/channels/slack/escape.js';
import { renderAction, renderNotice, type RenderedMessage } from '../../../src/channels/slack/render.js';
import type { Flag } from '../../../src/core/schemas/action.js';
import { REDACTION_RULES } from '../../../src/core/redact.js';
import type { ActionView } from '../../../src/record/action-view.js';
import type { LogText } from '../../../src/record/log-text.js';
import { findBlockFault } from '../../fakes/slack/block-kit.js';
import {
  decisionOf,
  directory,
  doneView,
  glassView,
  HOSTILE,
  LOG,
  OPENED_AT_MS,
  PUBLIC_URL,
  recentAction,
  waitingView,
} from './views.js';

const logOf = (text: string): LogText => ({ ok: true, text });
const render = (view: ActionView, log: LogText | null = LOG): RenderedMessage =>
  renderAction(view, { directory, publicUrl: PUBLIC_URL, log });
const base = waitingView();

function withQuery(text: string, over: Partial<ActionView> = {}): ActionView {
  if (base.preview === null) throw new Error('the base view has a preview');
  const preview = { ...base.preview, content: { language: 'sql' as const, text } };
  return waitingView({
    preview,
    request: { ...base.request, params: { target: 'orders', query: text, format: 'csv' } },
    ...over,
  });
}

/** Every field at the limit of its schema, filled with text of the given character. */
function fullView(character: string): ActionView {
  const fill = (length: number): string => character.repeat(length);
  if (base.preview === null || base.plan === null) throw new Error('the base view has both');
  const flags: Flag[] = Array.from({ length: 50 }, () => ({
    code: 'a'.repeat(41),
    severity: 'critical',
    sentence: fill(500),
  }));
  const group = (n: number): string => `g${String(n)}`.padEnd(63, 'x');
  const groups = Array.from({ length: 20 }, (_, n) => group(n));
  return withQuery(fill(200_000), {
    flags,
    preview: {
      ...base.preview,
      summary: fill(300),
      facts: Array.from({ length: 40 }, () => ({ label: fill(80), value: fill(2_000) })),
      content: { language: 'sql', text: fill(200_000) },
    },
    request: {
      ...base.request,
      params: { query: fill(10_000) },
      reason: fill(2_000),
      link: `https://${fill(492)}`,
      tainted: true,
    },
    logs: {
      sentSha256: '77'.repeat(32),
      stored: {
        sha256: '77'.repeat(32),
        bytes: 65_536,
        redactions: REDACTION_RULES.map((rule) => ({ rule, count: 65_536 })),
      },
    },
    context: {
      owners: Array.from({ length: 50 }, (_, n) => group(n)),
      recent: Array.from({ length: 10 }, (_, n) => ({
        ...recentAction(n),
        operation: 'o'.repeat(63),
        target: 't'.repeat(63),
      })),
    },
    plan: {
      ...base.plan,
      stages: groups.map((name) => ({ group: name, quorum: 20 })),
      escalations: groups.map((name) => ({ group: name, afterMs: 1 })),
      policies: Array.from({ length: 100 }, () => fill(200)),
    },
    quorum: { filled: false, open: groups.map((name) => ({ group: name, places: 20 })) },
    escalated: groups.map((name) => ({ group: name, firedAtMs: 0 })),
    decisions: Array.from({ length: 30 }, (_, n) => ({
      ...decisionOf('p'.repeat(60) + String(n), 'approve', fill(2_000)),
      groups,
    })),
    reopened: {
      code: 'effect_grew',
      message: fill(2_000),
      difference: {
        facts: Array.from({ length: 81 }, () => ({ label: fill(80), before: fill(2_000), now: fill(2_000) })),
        flagsAdded: flags,
        flagsGone: flags,
        itemsLeftOut: 1_000,
        content: `${fill(200)}\n`.repeat(199),
        contentLinesLeftOut: 1_000_000,
      },
    },
    incidents: Array.from({ length: 20 }, () => ({
      code: 'a'.repeat(41),
      severity: 'critical' as const,
      sentence: fill(500),
      openedAtMs: 0,
    })),
    freeze: { agent: 'a'.repeat(63), frozenAtMs: 0, lifted: { person: 'p'.repeat(63), reason: fill(2_000), atMs: 0 } },
    breakGlass: {
      state: 'owed',
      open: [],
      by: groups.map((person) => ({ person, reason: fill(2_000), atMs: 0 })),
      debt: {
        ...{ claim: '99'.repeat(32), by: groups, claimedAtMs: 0, dueAtMs: 0, open: groups },
        retrospectives: groups.map((person) => ({
          ...{ person, groups, verdict: 'unjustified' as const, reason: fill(2_000), atMs: 0 },
        })),
      },
    },
    outcome: {
      status: 'failed',
      code: 'target_error',
      message: fill(1_000),
      result: Object.fromEntries(Array.from({ length: 40 }, (_, n) => [fill(100) + String(n), fill(1_000)])),
    },
  });
}

const views: Record<string, ActionView> = {
  'a plain export': base,
  'hostile text everywhere': withQuery(`SELECT '${HOSTILE}'`, {
    request: {
      ...base.request,
      params: { query: `SELECT '${HOSTILE}'`, note: HOSTILE },
      reason: HOSTILE,
      link: `https://${HOSTILE}`,
    },
    flags: [{ code: 'personal_data', severity: 'critical', sentence: HOSTILE }],
    decisions: [decisionOf('ada', 'approve', HOSTILE)],
  }),
  'a query too long for a message': withQuery(`SELECT ${'x'.repeat(20_000)} FROM t; -- the end`),
  'a second review after the effect grew': waitingView({
    round: 2,
    reopened: { code: 'effect_grew', message: 'The export grew from 12,000 to 90,000 rows.', difference: null },
  }),
  'an escalated action': waitingView({ escalated: [{ group: 'oncall', firedAtMs: 0 }] }),
  'a denied action': doneView({
    decisions: [decisionOf('ada', 'deny', 'Not this table.')],
    outcome: { status: 'denied', code: 'denied_by_person', message: 'Denied by ada.' },
    lease: 'none',
    leases: [],
  }),
  'a finished export': doneView(),
  'an export whose lease is not yet proven gone': doneView({ lease: 'open' }),
  'an export of far more than was approved': mismatched(null),
  'the same after its agent was unfrozen': mismatched({ person: 'di', reason: 'Fine.', atMs: OPENED_AT_MS }),
  'an expired action nobody decided': doneView({
    decisions: [],
    outcome: { status: 'expired', code: 'expired', message: 'Nobody decided in time.' },
    lease: 'none',
    leases: [],
  }),
  'an automatic action that runs': waitingView({
    state: 'running',
    plan: base.plan && { ...base.plan, stages: [] },
    quorum: { filled: true, open: [] },
  }),
  'an action still being prepared': waitingView({
    state: 'preparing',
    preview: null,
    target: null,
    flags: [],
    plan: null,
    policy: null,
    quorum: null,
    actionDigest: null,
  }),
  'an action whose glass somebody breaks': glassView('offered'),
  'an action whose glass was broken': glassView('broken'),
  'one that ran for that, not reviewed yet': glassView('owed'),
  'one that ran for that, found not justified': glassView('paid'),
  'an unknown agent and no names': waitingView({ request: { ...base.request, agent: 'stranger' } }),
};

const hostile = views['hostile text everywhere'] as ActionView;

function mismatched(lifted: NonNullable<ActionView['freeze']>['lifted']): ActionView {
  const sentence = `20,000 rows were exported; the preview had said about 1. ${HOSTILE}`;
  return doneView({
    outcome: { status: 'effect_mismatch', code: 'effect_mismatch', message: sentence, result: { rows: 20_000 } },
    incidents: [{ code: 'effect_larger_than_preview', severity: 'high', sentence, openedAtMs: OPENED_AT_MS }],
    freeze: { agent: 'reporter', frozenAtMs: OPENED_AT_MS, lifted },
  });
}

const REPLACED = '01K9ZZZZZZ0000000000000009';

describe('a request in the place of an earlier action', () => {
  it('links that one', () => {
    const { blocks } = render(waitingView({ request: { ...base.request, replaces: REPLACED } }));
    const link = { type: 'link', url: `${PUBLIC_URL}/view/${REPLACED}`, text: `action ${REPLACED}` };
    expect(JSON.stringify(blocks)).toContain(JSON.stringify(link));
    expect(findBlockFault(blocks, 'message')).toBeNull();
  });
});

describe('the Slack message of', () => {
  it.each(Object.entries(views))('%s', (_name, view) => {
    const message = render(view, view === hostile ? logOf(HOSTILE) : LOG);
    expect(message).toMatchSnapshot();
    expect(findBlockFault(message.blocks, 'message')).toBeNull();
    expect(bytesOf(message.blocks)).toBeLessThanOrEqual(BLOCK_LIMITS.messageBytes);
  });

  it.each([
    ['ASCII', 'x'],
    ['a character that JSON escapes', '"'],
    ['three-byte characters', '語'],
    ['emoji', '🙂'],
    ['invisible characters, shown by name', '\u200B'],
    ['lone surrogates', '\uD800'],
  ])('an action with every field full of %s stays within the limits, open and closed', (_name, character) => {
    const open = fullView(character);
    for (const view of [
      open,
      { ...open, state: 'done' as const, lease: 'revoked' as const, receipt: doneView().receipt },
    ]) {
      const log = logOf(`${character.repeat(2_000)}\n`.repeat(32));
      for (const message of [render(view, log), renderNotice(view, { directory, publicUrl: PUBLIC_URL })]) {
        expect(findBlockFault(message.blocks, 'message')).toBeNull();
        expect(bytesOf(message.blocks)).toBeLessThanOrEqual(BLOCK_LIMITS.messageBytes);
      }
    }
  });
});

describe('what people approve is what they can read', () => {
  const words = (message: RenderedMessage): string => texts(message.blocks, () => true).join('');
  const buttonsOf = (message: RenderedMessage): string[] =>
    message.blocks.flatMap((block) =>
      block.type === 'actions' ? block.elements.map(({ action_id }) => action_id) : [],
    );

  it.each([1, 100, 1_000, 2_500, 3_000, 3_001, 4_000, 5_000, 6_000, 7_000, 8_000, 12_000, 200_000])(
    'a query of %i characters is whole beside Approve, or there is no Approve',
    (length) => {
      const query = `${'q'.repeat(length - 1)}Z`;
      const message = render(withQuery(query));
      expect(buttonsOf(message).includes('countersign_approve')).toBe(words(message).includes(query));
      expect(buttonsOf(message)).toContain('countersign_deny');
      if (!words(message).includes(query)) {
        expect(words(message)).toContain('Not shown whole.');
        expect(buttonsOf(message)).toContain('countersign_open');
      }
    },
  );

  it('an ordinary query fits, and one of 12,000 characters does not', () => {
    expect(buttonsOf(render(withQuery('q'.repeat(3_000))))).toContain('countersign_approve');
    expect(buttonsOf(render(withQuery('q'.repeat(12_000))))).not.toContain('countersign_approve');
  });

  it('parameters that are not the query are shown with it, and count as content', () => {
    const shown = render(
      waitingView({
        request: {
          ...base.request,
          params: { query: base.preview?.content.text ?? '', parameters: ['DE', { deep: 'x' }] },
        },
      }),
    );
    expect(words(shown)).toContain('"deep": "x"');
    const huge = render(
      waitingView({ request: { ...base.request, params: { query: 'q', parameters: ['y'.repeat(20_000)] } } }),
    );
    expect(buttonsOf(huge)).not.toContain('countersign_approve');
  });

  it.each([
    ['a query that the content begins with', 'select 1', 'select 1\n\n-- $1 = "DE"', false],
    ['a name that the content begins with', 'orders', 'orders\nselect 1', true],
    ['a query that the content goes on from in the same line', 'select 1', 'select 1 from x', true],
  ])('%s stands among the parameters or not, but is always there', (_name, query, content, isShown) => {
    const preview = base.preview && { ...base.preview, content: { language: 'sql' as const, text: content } };
    const message = render(waitingView({ preview, request: { ...base.request, params: { target: 'orders', query } } }));
    expect(words(message).includes(`"query": "${query}"`)).toBe(isShown);
  });

  it('what is left out of reason, facts and logs is counted and linked', () => {
    const message = render(
      waitingView({
        preview: base.preview && {
          ...base.preview,
          facts: Array.from({ length: 40 }, (_, n) => ({ label: `fact ${String(n)}`, value: 'v'.repeat(300) })),
        },
        request: {
          ...base.request,
          reason: 'r'.repeat(2_000),
        },
      }),
      logOf(Array.from({ length: 500 }, (_, n) => `line ${String(n)}`).join('\n')),
    );
    expect(words(message)).toMatch(/more facts of the preview/);
    expect(words(message)).toMatch(/earlier lines of the agent's log/);
    expect(JSON.stringify(message.blocks)).toContain(`${PUBLIC_URL}/view/${base.actionId}`);
  });

  it('an action whose log cannot be shown says why', () => {
    const message = render(base, { ok: false, because: 'The agent named a log but did not send it.' });
    expect(words(message)).toContain('The agent named a log but did not send it.');
  });

  it('what was left out of the log is counted', () => {
    const redactions = [{ rule: 'password', count: 2 }];
    const stored = { sha256: '77'.repeat(32), bytes: 3, redactions };
    const message = render(waitingView({ logs: { sentSha256: '77'.repeat(32), stored } }));
    expect(words(message)).toContain('2 secrets were left out: 2 password.');
  });

  it('owners, earlier actions and the link to the run are there; the link is text', () => {
    const link = 'https://traces.example/run/1';
    const message = render(waitingView({ request: { ...base.request, link } }));
    expect(words(message)).toContain('Owners of the target: Eve Without Slack.');
    expect(words(message)).toContain('denied: database.export on orders');
    expect(texts(message.blocks, (object) => object['type'] === 'text').join('')).toContain(link);
    expect(JSON.stringify(message.blocks)).not.toContain(`"url":"${link}`);
  });

  it('only an action that waits for people has buttons', () => {
    const states = ['preparing', 'approved', 'running', 'done'] as const;
    for (const state of states) expect(buttonsOf(render(waitingView({ state })))).toEqual([]);
    expect(buttonsOf(render(waitingView({ decisions: [decisionOf('ada', 'deny', 'no')] })))).toEqual([]);
  });
});

describe('untrusted text', () => {
  it('appears in literal text elements only: never in mrkdwn, plain text, links or the fallback', () => {
    const message = render(hostile, logOf(HOSTILE));
    const alive = texts(message.blocks, (object) => object['type'] !== 'text').concat(message.text);
    for (const value of alive) expect(value).not.toMatch(/evil|channel>|U0ADA|tada/);
    const literal = texts(message.blocks, (object) => object['type'] === 'text').join('');
    expect(literal).toContain('<!channel> <@U0ADA> *bold*');
  });

  it('has its invisible and reordering characters made visible', () => {
    const shown = texts(render(hostile, logOf(HOSTILE)).blocks, () => true).join('');
    expect(shown).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    for (const name of ['U+202E', 'U+200B', 'U+001B', 'U+000D']) expect(shown).toContain(`⟨${name}⟩`);
  });

  it('is escaped where only mrkdwn is possible', () => {
    expect(escapeMrkdwn(HOSTILE)).not.toMatch(/[<>*_~`\n\r\u202E\u200B]/);
    expect(escapeMrkdwn('a < b & c > d')).toBe('a &lt; b &amp; c &gt; d');
  });
});

/** All string values called `text` or `fallback` of objects that match. */
function texts(value: unknown, matches: (object: Record<string, unknown>) => boolean): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => texts(item, matches));
  if (typeof value !== 'object' || value === null) return [];
  const object = value as Record<string, unknown>;
  const own = Object.entries(object).filter(
    ([name, inner]) => typeof inner === 'string' && ['text', 'fallback', 'url'].includes(name) && matches(object),
  );
  return [
    ...own.map(([, inner]) => inner as string),
    ...Object.values(object).flatMap((inner) => texts(inner, matches)),
  ];
}
