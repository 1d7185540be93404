import { renderAction as renderLines } from '../../../apps/cli/render/action.js';
import { createStyle } from '../../../apps/cli/render/style.js';
import { actionPage } from '../../../src/channels/api/page/action-page.js';
import { renderAction as renderMessage, type RenderedMessage } from '../../../src/channels/slack/render.js';
import type { ActionView } from '../../../src/record/action-view.js';
import { NOW_MS } from '../cli/action-fixture.js';
import { directory, PUBLIC_URL } from '../slack/views.js';

export const WIDTHS = [40, 80, 140];

/** The lines in a terminal of this width. */
export function inTerminal(view: ActionView, width: number, colour = false): string[] {
  return renderLines(view, null, { width, style: createStyle(colour), nowMs: NOW_MS, logs: 'tail' });
}

/** What was quoted in a terminal, line by line and without the breaks that its width makes; spaces left out. */
export function quotedIn(lines: readonly string[], title: string): string[] {
  const start = lines.findIndex((line) => line.startsWith(title));
  const found: string[] = [];
  for (const line of lines.slice(start + 1)) {
    if (line.startsWith('  :')) found.push(`${found.pop() ?? ''}${line.slice(3).replaceAll(' ', '')}`);
    else if (line.startsWith('  |')) found.push(line.slice(3).replaceAll(' ', ''));
    else if (found.length > 0) break;
  }
  return found;
}

export function onPage(view: ActionView): string {
  return actionPage(view, null);
}

/** Markup of a page as the text that people see. */
export function seenOn(markup: string): string {
  return markup
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&#(\d+);/g, (_entity, code: string) => String.fromCodePoint(Number(code)));
}

export function inSlack(view: ActionView): RenderedMessage {
  return renderMessage(view, { directory, publicUrl: PUBLIC_URL, log: null });
}

/** All literal text of a message, in order; parts end with a line feed. */
export function wordsOf({ blocks }: RenderedMessage): string {
  return textIn(blocks);
}

function textIn(value: unknown): string {
  if (Array.isArray(value)) return value.map(textIn).join('');
  if (typeof value !== 'object' || value === null) return '';
  const { type, text, elements } = value as { type?: unknown; text?: unknown; elements?: unknown };
  const own = typeof text === 'string' ? text : textIn(text);
  const end = typeof type === 'string' && type.startsWith('rich_text_') ? '\n' : '';
  return `${own}${textIn(elements)}${end}`;
}

export function buttonsOf({ blocks }: RenderedMessage): string[] {
  return blocks.flatMap((block) => (block.type === 'actions' ? block.elements.map(({ action_id }) => action_id) : []));
}
