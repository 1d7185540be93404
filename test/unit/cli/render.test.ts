import { describe, expect, it } from 'vitest';
import { renderAction, type Look } from '../../../apps/cli/render/action.js';
import { cut, widthOfText, wrap } from '../../../apps/cli/render/layout.js';
import { renderList } from '../../../apps/cli/render/list.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { relative, span } from '../../../apps/cli/render/time.js';
import type { ActionPage } from '../../../src/client/answers.js';
import { actionSummarySchema } from '../../../src/client/answers.js';
import { toSummary } from '../../../src/channels/api/schemas.js';
import type { LogText } from '../../../src/record/log-text.js';
import {
  EVIL,
  finishedAction,
  hostileAction,
  LOG_TEXT,
  mismatchedAction,
  NOW_MS,
  waitingAction,
} from './action-fixture.js';

const LOG: LogText = { ok: true, text: LOG_TEXT };
const HOSTILE_LOG: LogText = { ok: true, text: `${EVIL}\n` };

const plain = (width: number): Look => ({ width, style: createStyle(false), nowMs: NOW_MS, logs: 'tail' });
const page: ActionPage = {
  actions: [waitingAction(), finishedAction()].map((view) => actionSummarySchema.parse(toSummary(view))),
  unreadable: ['01M82BEDCBHPE39GJ5Q8ZMGYDK'],
  next: '01M82BEDCBHPE39GJ5Q8ZMGYDH',
};
const WIDTHS = [60, 120];

describe('an action', () => {
  it.each(WIDTHS)('that waits, at width %i', (width) => {
    expect(renderAction(waitingAction(), LOG, plain(width)).join('\n')).toMatchSnapshot();
  });

  it.each(WIDTHS)('that has run, at width %i', (width) => {
    expect(renderAction(finishedAction(), LOG, plain(width)).join('\n')).toMatchSnapshot();
  });

  it.each(WIDTHS)('that did other than declared, at width %i', (width) => {
    expect(renderAction(mismatchedAction(), LOG, plain(width)).join('\n')).toMatchSnapshot();
    const lifted = { person: 'erin', reason: `Loaded on purpose.${EVIL}\nTicket 4711.`, atMs: NOW_MS - 5_000 };
    const shown = renderAction(mismatchedAction(lifted), LOG, plain(width));
    expect(shown.slice(shown.indexOf('Incident')).join('\n')).toMatchSnapshot();
  });

  it.each(WIDTHS)('full of tricks, at width %i', (width) => {
    expect(renderAction(hostileAction(), HOSTILE_LOG, plain(width)).join('\n')).toMatchSnapshot();
  });

  it.each(WIDTHS)('is never wider than %i', (width) => {
    for (const action of [waitingAction(), finishedAction(), hostileAction()]) {
      const wide = renderAction(action, HOSTILE_LOG, plain(width)).filter(
        (line) => widthOfText(line) > width && !line.startsWith('Action '),
      );
      expect(wide).toEqual([]);
    }
  });

  it.each(WIDTHS)('shows all of what will run, at width %i', (width) => {
    const lines = Array.from({ length: 500 }, (_, line) => `  ${'abcdefgh'.repeat(line % 40)}${String(line)}`);
    const preview = { ...waitingAction().preview, content: { language: 'sql', text: lines.join('\n') } };
    const shown = renderAction(
      waitingAction({ preview } as Partial<ReturnType<typeof waitingAction>>),
      null,
      plain(width),
    );
    const start = shown.findIndex((line) => line.startsWith('What will run'));
    const end = shown.findIndex((line) => line === 'Parameters');
    const content = shown.slice(start + 1, end - 1).map((line) => line.replace(/^ {2}[|:] ?/, ''));
    expect(content.join('').replaceAll(' ', '')).toBe(lines.join('').replaceAll(' ', ''));
  });

  it('lets nothing through to the terminal but our own colours', () => {
    const text = renderAction(hostileAction(), HOSTILE_LOG, { ...plain(80), style: createStyle(true) }).join('\n');
    const ours = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
    const codes = new Set(text.match(ours));
    expect([...codes].sort()).toEqual(['\u001B[1m', '\u001B[22m', '\u001B[31m', '\u001B[33m', '\u001B[39m']);
    expect(text.replace(ours, '')).not.toMatch(/[^\n\P{C}]|\u2028|\u2029/u);
  });

  it('says how much of the agent’s log it leaves out, and where the rest is', () => {
    const log: LogText = { ok: true, text: Array.from({ length: 50 }, (_, line) => `line ${String(line)}`).join('\n') };
    const text = (logs: Look['logs']): string => renderAction(waitingAction(), log, { ...plain(100), logs }).join('\n');
    expect(text('tail')).toContain('30 earlier lines: countersign show');
    expect(text('tail')).not.toContain('line 29\n');
    expect(text('all')).toContain('line 0\n');
  });
});

describe('what the agent says', () => {
  it('about untrusted input and its run is shown, the link as text', () => {
    const link = 'https://traces.example/run/1';
    const request = { ...waitingAction().request, tainted: true, link };
    const text = renderAction(waitingAction({ request }), null, plain(100)).join('\n');
    expect(text).toContain('untrusted input  was read by the agent before it asked');
    expect(text).toContain(`Untrusted link to its run\n  | ${link}`);
  });

  it('in a log that cannot be shown is replaced by why', () => {
    const log: LogText = { ok: false, because: 'The agent named a log but did not send it.' };
    expect(renderAction(waitingAction(), log, plain(100)).join('\n')).toContain(`The agent's log\n  ${log.because}`);
  });
});

describe('a list', () => {
  it.each(WIDTHS)('at width %i', (width) => {
    expect(renderList(page, plain(width)).join('\n')).toMatchSnapshot();
  });

  it.each(WIDTHS)('full of tricks stays harmless at width %i', (width) => {
    const actions = [actionSummarySchema.parse(toSummary(hostileAction()))];
    expect(renderList({ actions, unreadable: [], next: null }, plain(width)).join('\n')).not.toMatch(/[^\n\P{C}]/u);
  });
});

describe('layout', () => {
  it.each<[text: string, width: number]>([
    ['plain', 5],
    ['日本', 4],
    ['e\u0301', 1],
    ['\u001B[31mred\u001B[39m', 3],
    ['🔥', 2],
  ])('%j takes %i columns', (text, width) => {
    expect(widthOfText(text)).toBe(width);
  });

  it.each<[text: string, lines: string[]]>([
    ['a short line', ['a short line']],
    ['words are kept whole here', ['words are', 'kept whole', 'here']],
    ['x'.repeat(25), ['x'.repeat(12), 'x'.repeat(12), 'x']],
    ['a\n\nb', ['a', '', 'b']],
    ['', ['']],
  ])('wraps %j', (text, lines) => {
    expect(wrap(text, 12)).toEqual(lines);
  });

  it('cuts with an ellipsis, within the width', () => {
    expect([cut('abcdef', 6), cut('abcdefg', 6), cut('日本語日本語', 6)]).toEqual(['abcdef', 'abcde…', '日本…']);
  });

  it.each<[ms: number, text: string]>([
    [-5, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_000, '59 min 59 s'],
    [7_500_000, '2 h 5 min'],
    [90_000_000, '1 d 1 h'],
  ])('%i ms is %s', (ms, text) => {
    expect(span(ms)).toBe(text);
  });

  it('tells before from after', () => {
    expect([relative(NOW_MS + 60_000, NOW_MS), relative(NOW_MS - 60_000, NOW_MS)]).toEqual(['in 1 min', '1 min ago']);
  });
});
