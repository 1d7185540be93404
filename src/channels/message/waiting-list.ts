import type { Waiting } from '../waiting.js';
import { viewUrl } from './context.js';
import { headline } from './end.js';
import { bold, date, list, richText, section, text, type Inline, type RichTextBlock } from './rich-text.js';

const SHOWN = 20;

/** What waits for a person, with links; at least one action. */
export function waitingList(waiting: Waiting, publicUrl: string): { head: string; block: RichTextBlock } {
  const { views } = waiting;
  const head = `${String(views.length)} ${views.length === 1 ? 'action waits' : 'actions wait'} for you, the soonest to expire first:`;
  const items = views
    .slice(0, SHOWN)
    .map((view): Inline[] => [
      { type: 'link', url: viewUrl(publicUrl, view.actionId), text: view.actionId },
      ...text(`  ${headline(view)}. Risk: ${view.risk}. Expires `),
      date(view.expiresAtMs),
    ]);
  const left = views.length > SHOWN ? `${String(views.length - SHOWN)} more are not listed here.` : '';
  const more = `${left}${cutWords(waiting)}`.trim();
  const block = richText(section(...bold(head)), list(items), ...(more === '' ? [] : [section(...text(more))]));
  return { head, block };
}

export function cutWords({ isCut }: Waiting): string {
  return isCut ? ' Only the newest open actions were looked at.' : '';
}
