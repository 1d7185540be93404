import { describe, expect, it } from 'vitest';
import { pagesOf } from '../../../src/channels/message/pages.js';
import { bytesOf } from '../../../src/channels/message/rich-text.js';
import { noticeModal, pageModal, readingSeal } from '../../../src/channels/slack/read-modal.js';
import { inWords } from '../../../src/channels/slack/waiting-list.js';
import { Secret } from '../../../src/core/secret.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { findBlockFault, findViewFault } from '../../fakes/slack/block-kit.js';
import {
  ACTION_DIGEST,
  directory,
  HOSTILE,
  LOG,
  OPENED_AT_MS,
  planOf,
  PUBLIC_URL,
  slackIds,
  waitingView,
} from './views.js';

const context = { directory, publicUrl: PUBLIC_URL, log: LOG };
const base = waitingView();

function withContent(text: string, over: Partial<ActionView> = {}): ActionView {
  if (base.preview === null) throw new Error('the base view has a preview');
  return waitingView({ preview: { ...base.preview, content: { language: 'text', text } }, ...over });
}

const modalOf = (view: ActionView, page: number): Record<string, unknown> =>
  pageModal(view, pagesOf(view, context), { page, metadata: '{}', publicUrl: PUBLIC_URL });

/** All text in the order in which it is read. */
function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  if (Array.isArray(value)) return value.map(textOf).join('');
  const { text } = value as { text?: unknown };
  return typeof text === 'string' ? text : Object.values(value).map(textOf).join('');
}

describe('the pages of an action', () => {
  it.each([
    ['ASCII in one line', 'x'.repeat(100_000)],
    ['short lines', Array.from({ length: 9_000 }, (_, n) => `line ${String(n)}`).join('\n')],
    ['three-byte characters', '語'.repeat(40_000)],
    ['emoji of several parts', '👩‍👩‍👧'.repeat(4_000)],
    ['what JSON escapes', '"\\'.repeat(30_000)],
    ['nothing', ''],
  ])('hold all of a content of %s, within the limits of a modal', (_name, content) => {
    const view = withContent(content);
    const { pages } = pagesOf(view, context);
    const shown = pages.map(textOf).join('');
    expect(shown).toContain(content === '' ? '(empty)' : content.replaceAll('\u200D', '⟨U+200D⟩'));
    pages.forEach((page, index) => {
      expect(bytesOf([page])).toBeLessThan(20_000);
      expect(findViewFault(modalOf(view, index + 1))).toBeNull();
    });
  });

  it('hold risks, log, reason and facts whole', () => {
    const flags = Array.from({ length: 50 }, (_, n) => ({
      code: 'many',
      severity: 'low' as const,
      sentence: `risk ${String(n)} ${'s'.repeat(480)}`,
    }));
    const log = { ok: true as const, text: Array.from({ length: 3_000 }, (_, n) => `log ${String(n)}`).join('\n') };
    const view = waitingView({ flags, request: { ...base.request, reason: 'r'.repeat(2_000) } });
    const shown = pagesOf(view, { ...context, log })
      .pages.map(textOf)
      .join('');
    for (const whole of [log.text, 'r'.repeat(2_000), ...flags.map(({ sentence }) => sentence), 'public.customers'])
      expect(shown).toContain(whole);
    expect(shown).not.toContain('Left out here');
  });

  it('have another digest as soon as anything in them is another', () => {
    const digest = (view: ActionView): string => pagesOf(view, context).digest;
    const digests = [
      base,
      withContent('x'),
      waitingView({ flags: [] }),
      waitingView({ plan: planOf({ group: 'dba', quorum: 2 }) }),
    ];
    expect(new Set(digests.map(digest)).size).toBe(digests.length);
    expect(digest(waitingView())).toBe(digest(base));
  });

  it('let nothing come alive', () => {
    const view = withContent(HOSTILE, { request: { ...base.request, reason: HOSTILE } });
    const modal = JSON.stringify(modalOf(view, 1));
    expect(modal).not.toMatch(/\u202E|\u200B|\\u001b/);
    const outside = JSON.stringify(modalOf(view, 1), (_key, value: unknown) =>
      (value as { type?: unknown } | null)?.type === 'text' ? null : value,
    );
    expect(outside).not.toMatch(/evil|channel>|U0ADA/);
  });
});

describe('the modal', () => {
  it('of pages, of a notice, and the answer to a command', () => {
    const view = withContent('line\n'.repeat(4_000));
    const last = pagesOf(view, context).pages.length;
    const frameOf = ({ blocks, ...frame }: Record<string, unknown>): unknown => [frame, (blocks as unknown[]).slice(1)];
    const words = 'Your approval counts.';
    expect([frameOf(modalOf(view, 1)), frameOf(modalOf(view, last))]).toMatchSnapshot();
    expect([noticeModal(words, PUBLIC_URL), inWords('Nothing <waits> for *you*.')]).toMatchSnapshot();
    expect(findViewFault(noticeModal(words, PUBLIC_URL))).toBeNull();
    expect(findBlockFault(inWords(words).blocks, 'message')).toBeNull();
  });

  it('holds a seal that is short enough for Slack', () => {
    const reading = {
      actionId: base.actionId,
      actionDigest: ACTION_DIGEST,
      round: 20,
      conversation: 'C'.repeat(32),
      messageTs: '123456789012.123456789',
      pagesDigest: ACTION_DIGEST,
      page: 40,
    };
    const user = { teamId: slackIds.teamId, userId: 'U'.repeat(32) };
    const seal = readingSeal(new Secret('0'.repeat(32)));
    const metadata = seal.seal(reading, user, OPENED_AT_MS);
    expect(metadata.length).toBeLessThan(3_000);
    expect(seal.open(metadata, user, OPENED_AT_MS)).toEqual(reading);
  });
});
