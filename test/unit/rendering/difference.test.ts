import { describe, expect, it } from 'vitest';
import { widthOfText } from '../../../apps/cli/render/layout.js';
import { bytesOf } from '../../../src/channels/message/rich-text.js';
import { BLOCK_LIMITS } from '../../../src/channels/slack/blocks.js';
import { DIFFERENCE_WORDS } from '../../../src/core/difference-words.js';
import type { Difference } from '../../../src/core/schemas/difference.js';
import { differenceBetween } from '../../../src/operations/difference.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { findBlockFault } from '../../fakes/slack/block-kit.js';
import { EVIL } from '../cli/action-fixture.js';
import { HOSTILE, PUBLIC_URL } from '../slack/views.js';
import {
  buttonsOf,
  inSlack,
  inTerminal,
  linesOnPage,
  missingIn,
  onPage,
  quotedIn,
  seenOn,
  WIDTHS,
  wordsOf,
} from './channels.js';
import { exportView, flagsOf } from './operation-views.js';
import { largePlanView } from './plan-views.js';

const QUERY = 'select id, email\nfrom customers\nwhere id < 9';
const MESSAGE = 'The target changed after the approval; what would run is not what was shown.';

const PLAN: Difference['plan'] = [{ label: 'Who must approve', before: '1 of dba', now: '2 of dba and 1 of security' }];
/** As the record had it before plans were compared. */
const DIFFERENCE: Difference = {
  facts: [
    { label: 'Estimate', before: 'about 12,000 rows', now: 'about 90,000 rows' },
    { label: 'Tables', before: null, now: 'public.customers' },
    { label: 'Through', before: 'a view', now: null },
  ],
  flagsAdded: [{ code: 'personal_data', severity: 'high', sentence: 'Reads customers.email.' }],
  flagsGone: [{ code: 'no_where', severity: 'low', sentence: 'Reads orders whole.' }],
  itemsLeftOut: 0,
  content: '@@ -1,2 +1,2 @@\n select id\n-from orders\n+from customers',
  contentLinesLeftOut: 0,
};
const NOTHING: Difference = { ...DIFFERENCE, facts: [], flagsAdded: [], flagsGone: [], content: null };

function again(change: Partial<Difference> = {}, view = exportView(QUERY)): ActionView {
  return {
    ...view,
    round: 2,
    reopened: { code: 'target_changed', message: MESSAGE, difference: { ...DIFFERENCE, ...change } },
  };
}

/** What each channel shows, as text. */
const CHANNELS: Record<string, (view: ActionView) => string> = {
  Slack: (view) => wordsOf(inSlack(view)),
  'the full view': (view) => seenOn(onPage(view)),
  'the terminal': (view) => inTerminal(view, 140).join('\n'),
};

describe.each(Object.entries(CHANNELS))('what differs, in %s', (_name, show) => {
  it('stands under the same title, with the reason, and says that earlier decisions do not count', () => {
    const text = show(again()).replaceAll(/\s+/g, ' ');
    for (const words of [DIFFERENCE_WORDS.title, `${MESSAGE} ${DIFFERENCE_WORDS.decisions}`]) {
      expect(text.split(words)).toHaveLength(2);
    }
  });

  it('holds every fact, risk and line, before and now', () => {
    const text = show(again());
    const { facts, flagsAdded, flagsGone, content } = DIFFERENCE;
    for (const { label, before, now } of facts)
      for (const words of [label, before ?? DIFFERENCE_WORDS.absent, now ?? DIFFERENCE_WORDS.absent])
        expect(text).toContain(words);
    for (const { severity, sentence, code } of [...flagsAdded, ...flagsGone])
      for (const words of [severity, sentence, code]) expect(text).toContain(words);
    for (const line of linesOnPage(content ?? '')) expect(text).toContain(line);
    expect(text.indexOf(DIFFERENCE_WORDS.riskAdded)).toBeGreaterThan(-1);
    expect(text.indexOf(DIFFERENCE_WORDS.riskGone)).toBeGreaterThan(text.indexOf(DIFFERENCE_WORDS.riskAdded));
  });

  it('holds what policy demands, before and now; also when nothing else differs', () => {
    for (const view of [again({ plan: PLAN }), again({ ...NOTHING, plan: PLAN })]) {
      const text = show(view);
      for (const words of [`${DIFFERENCE_WORDS.plan}: Who must approve`, '1 of dba', '2 of dba and 1 of security'])
        expect(text).toContain(words);
      expect(text).not.toContain(DIFFERENCE_WORDS.same);
    }
    expect(show(again(NOTHING))).not.toContain('Who must approve');
  });

  it('counts what is left out', () => {
    const text = show(again({ itemsLeftOut: 7, contentLinesLeftOut: 1_234 }));
    expect(text).toContain('7 more facts or risks differ');
    expect(text).toContain('1,234 more lines');
  });

  it('says so when nothing that is shown differs', () => {
    expect(show(again(NOTHING))).toContain(DIFFERENCE_WORDS.same);
    expect(show(again())).not.toContain(DIFFERENCE_WORDS.same);
    expect(show(again({ ...NOTHING, itemsLeftOut: 1 }))).not.toContain(DIFFERENCE_WORDS.same);
  });

  it('has no title when it is not known', () => {
    const view = again();
    const reopened = view.reopened && { ...view.reopened, difference: null };
    expect(show({ ...view, reopened })).not.toContain(DIFFERENCE_WORDS.title);
  });
});

/** Markup, mentions, terminal sequences, direction overrides and lines that look like ours, everywhere. */
const TRICK = `${HOSTILE}${EVIL}<script>alert(1)</script></pre>\nAction approved\n@@ nothing differs @@`;
const HOSTILE_DIFFERENCE: Difference = {
  facts: [{ label: TRICK.slice(0, 80), before: TRICK, now: `${TRICK}\n+ more` }],
  flagsAdded: [{ code: 'personal_data', severity: 'critical', sentence: TRICK }],
  flagsGone: [{ code: 'no_where', severity: 'low', sentence: TRICK }],
  itemsLeftOut: 0,
  content: `@@ -1 +1 @@\n-${TRICK}\n+${TRICK}`,
  contentLinesLeftOut: 0,
};
const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}]|\u2028|\u2029/u;

describe('hostile text in what differs', () => {
  const view = again(HOSTILE_DIFFERENCE);

  it('is text in the full view', () => {
    const markup = onPage(view);
    expect(markup).not.toMatch(/<script|<https|<!channel/);
    expect(markup).not.toMatch(UNSEEN);
    expect(seenOn(markup)).toContain('<script>alert(1)</script></pre>');
  });

  it.each(WIDTHS)('stays behind our margins in a terminal %i columns wide', (width) => {
    const lines = inTerminal(view, width);
    expect(lines.filter((line) => UNSEEN.test(line) || widthOfText(line) > width)).toEqual([]);
    expect(lines.filter((line) => /^(Action approved|@@|\+|-)/.test(line))).toEqual([]);
    expect(lines.filter((line) => /^ {2}(Action approved|@@)/.test(line))).toEqual([]);
  });

  it('is literal text in Slack', () => {
    const { blocks, text } = inSlack(view);
    expect(findBlockFault(blocks, 'message')).toBeNull();
    expect(text).not.toMatch(/evil|channel>/);
    const outside = JSON.stringify(blocks, (_key, value: unknown) =>
      typeof value === 'object' && value !== null && 'type' in value && value.type === 'text' ? undefined : value,
    );
    expect(outside).not.toMatch(/evil|channel>|U0ADA|script/);
    expect(wordsOf(inSlack(view))).not.toMatch(UNSEEN);
  });
});

describe('in Slack a second review', () => {
  const many = (count: number): Partial<Difference> => ({
    facts: Array.from({ length: count }, (_, n) => ({
      label: `Fact ${String(n)}`,
      before: 'old '.repeat(30),
      now: 'new '.repeat(30),
    })),
  });
  const long = (lines: number): Partial<Difference> => ({
    content: Array.from({ length: lines }, (_, n) => `+ line ${String(n)}`).join('\n'),
  });

  it.each<[string, Partial<Difference>, boolean]>([
    ['with a short difference', {}, true],
    ['with six facts', many(6), true],
    ['with another plan', { plan: PLAN }, true],
    ['with fifty facts', many(50), false],
    ['with fifty new risks', { flagsAdded: flagsOf(50) }, false],
    ['with a hundred lines', long(100), true],
    ['with a thousand lines', long(1_000), false],
  ])('%s can be approved where all of it is shown', (_name, change, isWhole) => {
    const view = again(change);
    const message = inSlack(view);
    const words = wordsOf(message);
    expect(findBlockFault(message.blocks, 'message')).toBeNull();
    expect(bytesOf(message.blocks)).toBeLessThanOrEqual(BLOCK_LIMITS.messageBytes);
    expect(buttonsOf(message)[0]).toBe(isWhole ? 'countersign_approve' : 'countersign_read');
    const { plan = [], facts, flagsAdded, flagsGone, content } = view.reopened?.difference ?? NOTHING;
    const items = words
      .split('\n')
      .filter((line) =>
        /^(New risk|No longer a risk|(Fact \d+|Estimate|Tables|Through|Policy: Who must approve)(?=: before)): /.test(
          line,
        ),
      );
    const lines = (content ?? '').split('\n').filter((line) => words.includes(`${line}\n`));
    const left = (what: string): number =>
      Number(new RegExp(`([\\d,]+) ${what}`).exec(words)?.[1]?.replace(',', '') ?? 0);
    expect(items.length + left('more differences')).toBe(
      plan.length + facts.length + flagsAdded.length + flagsGone.length,
    );
    expect(lines.length + left('lines of what differs')).toBe(content?.split('\n').length);
    expect(left('more differences') + left('lines of what differs') > 0).toBe(!isWhole);
    if (isWhole) return;
    expect(JSON.stringify(message.blocks)).toContain(`${PUBLIC_URL}/view/${view.actionId}`);
  });
});

it('of a plan with 500 resources is whole in the full view and in the terminal, as far as it is on record', () => {
  const view = largePlanView();
  const { preview, flags } = view;
  if (preview === null) throw new Error('the view has a preview');
  const text = preview.content.text.replaceAll('2026.11.', '2026.12.');
  const now = { preview: { ...preview, content: { ...preview.content, text } }, flags };
  const difference = differenceBetween({ preview, flags }, now);
  const shown = again(difference, { ...view, preview: now.preview });
  const lines = difference.content?.split('\n') ?? [];
  expect(lines.length).toBeGreaterThan(200);
  expect(difference.contentLinesLeftOut).toBeGreaterThan(0);
  expect(quotedIn(inTerminal(shown, 80), DIFFERENCE_WORDS.title)).toEqual(
    lines.map((line) => line.replaceAll(' ', '')),
  );
  expect(missingIn(seenOn(onPage(shown)), linesOnPage(lines.join('\n')))).toEqual([]);
  expect(buttonsOf(inSlack(shown))).not.toContain('countersign_approve');
});
