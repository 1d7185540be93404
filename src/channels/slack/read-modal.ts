import { z } from 'zod';
import { actionIdSchema, digestSchema } from '../../core/schemas/primitives.js';
import type { Secret } from '../../core/secret.js';
import type { ActionView } from '../../record/action-view.js';
import { headline } from '../message/end.js';
import { viewUrl } from '../message/context.js';
import { isDecidable, isDecidableInChat } from '../message/layout.js';
import type { Pages } from '../message/pages.js';
import { richText, section, text } from '../message/rich-text.js';
import { plain, type Button } from './blocks.js';
import { escapeMrkdwn } from './escape.js';
import { SLACK_NAMES } from './interaction.js';
import { createFormSeal, type FormSeal } from './sealed-form.js';

/** More are for the full view: nobody turns so many one by one. */
export const MOST_PAGES = 40;

const contextSchema = z.strictObject({
  actionId: actionIdSchema,
  actionDigest: digestSchema,
  round: z.int(),
  conversation: z.string(),
  messageTs: z.string(),
  /** Of all pages: they must not change while they are read. */
  pagesDigest: digestSchema,
  /**
   * The page that is shown, from 1. One can turn by one page only, and each turn needs what was sealed into the page
   * before it: so whoever shows the seal of the last page was sent every page.
   */
  page: z.int().min(1).max(MOST_PAGES),
});

/** What a person is reading, and how far they have come. */
export type ReadingContext = z.infer<typeof contextSchema>;

export function readingSeal(signingSecret: Secret): FormSeal<ReadingContext> {
  return createFormSeal(contextSchema, { purpose: 'read modal', again: '“Read all here”', signingSecret });
}

/** A modal as `views.open` and `views.update` take it. */
export type ModalView = Record<string, unknown>;

/** One page of the content. Approve stands on the last one, where a decision in chat counts. */
export function pageModal(
  view: ActionView,
  { pages }: Pages,
  { page, metadata, publicUrl }: { page: number; metadata: string; publicUrl: string },
): ModalView {
  const total = pages.length;
  const shown = pages[page - 1];
  if (shown === undefined) throw new RangeError(`pageModal: there is no page ${String(page)} of ${String(total)}`);
  const isLast = page === total;
  const buttons = [
    ...(page > 1 ? [button(SLACK_NAMES.back, `Page ${String(page - 1)}`)] : []),
    ...(isLast ? [] : [{ ...button(SLACK_NAMES.next, `Page ${String(page + 1)}`), style: 'primary' as const }]),
    ...(isLast && isDecidable(view) && isDecidableInChat(view) ? [approveButton(view)] : []),
  ];
  return {
    ...frame(`Page ${String(page)} of ${String(total)}`),
    private_metadata: metadata,
    blocks: [
      shown,
      ...(buttons.length === 0 ? [] : [{ type: 'actions', elements: buttons }]),
      footOf(view, page, total, viewUrl(publicUrl, view.actionId)),
    ],
  };
}

/** The last word: what came of it, or why it cannot go on here. */
export function noticeModal(words: string, url: string): ModalView {
  return {
    ...frame('Countersign'),
    private_metadata: '',
    blocks: [richText(section(...text(words))), linkBlock(`<${url}|Full view>`)],
  };
}

function frame(title: string): ModalView {
  return {
    type: 'modal',
    callback_id: SLACK_NAMES.readModal,
    title: plain(title, 24),
    close: plain('Close', 24),
  };
}

function button(actionId: string, words: string): Button {
  return { type: 'button', action_id: actionId, text: plain(words, 75) };
}

function approveButton(view: ActionView): Button {
  return {
    ...button(SLACK_NAMES.approveRead, 'Approve'),
    style: 'primary',
    confirm: {
      title: plain('Approve this action?', 100),
      text: plain(`${headline(view)}. Your approval is signed and recorded. Risk: ${view.risk}.`, 300),
      confirm: plain('Approve', 30),
      deny: plain('Not yet', 30),
    },
  };
}

function footOf(view: ActionView, page: number, total: number, url: string): unknown {
  const where = `Page ${String(page)} of ${String(total)} · <${url}|Full view> · ${escapeMrkdwn(view.actionId)}`;
  return linkBlock(`${where} · ${hint(view, page === total)}`);
}

function hint(view: ActionView, isLast: boolean): string {
  if (!isDecidable(view)) return 'no decision is needed now';
  if (!isDecidableInChat(view)) return 'policy lets it be decided in the full view only';
  return isLast ? 'to deny, close this and press Deny' : 'Approve is on the last page';
}

function linkBlock(mrkdwn: string): unknown {
  return { type: 'context', elements: [{ type: 'mrkdwn', text: mrkdwn, verbatim: true }] };
}
