import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { vi } from 'vitest';
import { ActionView as ActionPart } from '../../../apps/console/action/action-page.js';
import { makeVisible } from '../../../apps/console/api/http.js';
import { SessionContext, type SessionState } from '../../../apps/console/api/session.js';
import type { Action } from '../../../apps/console/api/types.js';
import { RoutingProvider } from '../../../apps/console/routing.js';
import { renderAction as renderLines } from '../../../apps/cli/render/action.js';
import { createStyle } from '../../../apps/cli/render/style.js';
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

/** Markup of the full view, for a person who may decide. */
export function onPage(view: ActionView): string {
  const action = makeVisible(view) as Action;
  const page = createElement(ActionPart, { action, reload: () => Promise.resolve(action) });
  return renderToStaticMarkup(
    createElement(RoutingProvider, null, createElement(SessionContext, { value: SIGNED_IN }, page)),
  );
}

const SIGNED_IN: SessionState = {
  session: {
    person: { id: 'ben', name: 'Ben Berg', groups: ['dba'] },
    signedInAtMs: NOW_MS,
    authTimeMs: NOW_MS,
    acr: null,
    expiresAtMs: NOW_MS + 3_600_000,
    csrf: 'x',
  },
  isOver: false,
  over: () => undefined,
  signOut: () => Promise.resolve(),
};
// What of a browser the full view asks for before it is shown.
vi.stubGlobal('window', { location: new URL(PUBLIC_URL) });
vi.stubGlobal('sessionStorage', { getItem: () => null });

/** Markup of a page as the text that people see. */
export function seenOn(markup: string): string {
  return markup
    .replaceAll(/<span class="unseen">[^<]*<\/span>/g, '')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&(amp|lt|gt|quot|#x27);/g, (_entity, name: string) => ENTITIES[name] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'" };

/** The lines of a text as the full view shows them: what stands in a heading is without its marks. */
export function linesOnPage(text: string): string[] {
  return text
    .split('\n')
    .map((line) => (/^@@ (?! )(.*?)(?: @@)?$/.exec(line)?.[1] ?? line).trim())
    .filter((line) => line !== '');
}

/** Those of the lines that are not in the text, or not in their order. */
export function missingIn(text: string, lines: readonly string[]): string[] {
  let at = 0;
  return lines.filter((line) => {
    const found = text.indexOf(line, at);
    if (found >= 0) at = found + line.length;
    return found < 0;
  });
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
