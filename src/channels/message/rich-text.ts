import { visibleText } from '../../core/visible-text.js';
import { utcTime } from './times.js';

/**
 * What messages are made of, whatever the channel. The shapes are those of Slack's rich text, which shows them as they
 * are (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block); other channels translate them.
 */
export interface RichTextBlock {
  type: 'rich_text';
  elements: RichTextPart[];
}
export type RichTextPart =
  | { type: 'rich_text_section' | 'rich_text_quote' | 'rich_text_preformatted'; elements: Inline[] }
  | { type: 'rich_text_list'; style: 'bullet'; elements: { type: 'rich_text_section'; elements: Inline[] }[] };
export type Inline =
  | { type: 'text'; text: string; style?: { bold?: true; italic?: true; code?: true } }
  | { type: 'emoji'; name: string }
  | { type: 'link'; url: string; text: string }
  | { type: 'date'; timestamp: number; format: string; fallback: string };

/** Longest text of one element. */
const ELEMENT_CHARS = 3_000;

/** Literal text: nothing in it comes alive, and what would be invisible is shown. Long text becomes several elements. */
export function text(value: string, style?: { bold?: true; italic?: true; code?: true }): Inline[] {
  return chunks(visibleText(value)).map((chunk) => ({ type: 'text', text: chunk, ...(style && { style }) }));
}

export const bold = (value: string): Inline[] => text(value, { bold: true });
export const emoji = (name: string): Inline => ({ type: 'emoji', name });

/** A time in the reader's own time zone. */
export function date(timeMs: number): Inline {
  return {
    type: 'date',
    timestamp: Math.floor(timeMs / 1000),
    format: '{date_short_pretty} at {time}',
    fallback: utcTime(timeMs),
  };
}

export function section(...inlines: Inline[]): RichTextPart {
  return { type: 'rich_text_section', elements: inlines };
}

export function richText(...elements: RichTextPart[]): RichTextBlock {
  return { type: 'rich_text', elements };
}

export function quote(value: string): RichTextPart {
  return { type: 'rich_text_quote', elements: orEmpty(value) };
}

export function preformatted(value: string): RichTextPart {
  return { type: 'rich_text_preformatted', elements: orEmpty(value) };
}

// Slack refuses an element without text.
function orEmpty(value: string): Inline[] {
  return value === '' ? text('(empty)', { italic: true }) : text(value);
}

export function list(items: Inline[][]): RichTextPart {
  return {
    type: 'rich_text_list',
    style: 'bullet',
    elements: items.map((elements) => ({ type: 'rich_text_section', elements })),
  };
}

/** Size of parts of a message as they are sent. */
export function bytesOf(blocks: readonly unknown[]): number {
  return Buffer.byteLength(JSON.stringify(blocks), 'utf8');
}

/** A text's beginning as it is shown, at most so many bytes of JSON and never half a character; `…` marks the cut. */
export function clip(value: string, maxBytes: number): string {
  // One character more than could fit is enough to know that it does not.
  const shown = visibleText(cut(value, maxBytes + 2));
  if (jsonBytes(shown) <= maxBytes) return shown;
  let bytes = jsonBytes('…');
  let head = '';
  for (const character of shown) {
    bytes += jsonBytes(character);
    if (bytes > maxBytes) break;
    head += character;
  }
  return `${head}…`;
}

function jsonBytes(value: string): number {
  return Buffer.byteLength(JSON.stringify(value)) - 2;
}

/** The first characters of a text, never half a surrogate pair. */
export function cut(value: string, maxChars: number): string {
  const head = value.slice(0, maxChars);
  return /[\uD800-\uDBFF]$/.test(head) ? head.slice(0, -1) : head;
}

function chunks(value: string): string[] {
  const parts: string[] = [];
  for (let rest = value; rest.length > 0;) {
    const part = cut(rest, ELEMENT_CHARS);
    parts.push(part);
    rest = rest.slice(part.length);
  }
  return parts;
}
