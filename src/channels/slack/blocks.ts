import { visibleLine } from '../../core/visible-text.js';
import { cut, type RichTextBlock } from '../message/rich-text.js';

/** The part of Block Kit that we use (https://docs.slack.dev/reference/block-kit/blocks). */
export type Block = HeaderBlock | RichTextBlock | ContextBlock | SectionBlock | ActionsBlock | DividerBlock;

export interface PlainText {
  type: 'plain_text';
  text: string;
  emoji: boolean;
}
export interface Mrkdwn {
  type: 'mrkdwn';
  text: string;
  verbatim: true;
}
export interface HeaderBlock {
  type: 'header';
  text: PlainText;
}
export interface SectionBlock {
  type: 'section';
  text: Mrkdwn;
}
export interface ContextBlock {
  type: 'context';
  elements: Mrkdwn[];
}
export interface DividerBlock {
  type: 'divider';
}
export interface ActionsBlock {
  type: 'actions';
  elements: Button[];
}
export interface Button {
  type: 'button';
  action_id: string;
  text: PlainText;
  value?: string;
  url?: string;
  style?: 'primary' | 'danger';
  confirm?: { title: PlainText; text: PlainText; confirm: PlainText; deny: PlainText };
}

/** Slack's limits, and ours where Slack names none. */
export const BLOCK_LIMITS = {
  blocks: 50,
  textChars: 3_000,
  headerChars: 150,
  /**
   * All blocks of a message as JSON, in UTF-8 bytes. Slack documents no total; it has refused messages from about
   * 11,000 characters of text on (`msg_blocks_too_long`).
   */
  messageBytes: 10_000,
} as const;

/** Text of a header, button or dialog: one line, no emoji codes. */
export function plain(value: string, maxChars: number): PlainText {
  const shown = visibleLine(value);
  return { type: 'plain_text', text: shown.length > maxChars ? `${cut(shown, maxChars - 1)}…` : shown, emoji: false };
}
