import { digestOf } from '../../core/json.js';
import type { ActionView } from '../../record/action-view.js';
import { backgroundForms, factForms, reasonForms } from './forms.js';
import { viewUrl } from './context.js';
import { contentBlocks, executableContent, type ActionContext } from './layout.js';
import { askedBlock, flagsBlock, policyBlock, reopenedBlock, type Room } from './parts.js';
import {
  bold,
  bytesOf,
  preformatted,
  richText,
  section,
  text,
  type Inline,
  type RichTextBlock,
  type RichTextPart,
} from './rich-text.js';

/** All that whoever approves must read, and the context around it, cut into pages: whole, in this order. */
export interface Pages {
  pages: RichTextBlock[];
  /** SHA-256 over all pages: the same as long as nothing in them has changed. */
  digest: string;
}

/** Bytes of a page, as `bytesOf` measures it. */
const PAGE_BYTES = 12_000;
/** A text longer than this may be cut between two pages. */
const PIECE_BYTES = 3_000;

/** Nothing is left out. */
const ALL: Room = {
  flags: Infinity,
  flagBytes: Infinity,
  differences: { items: Infinity, textBytes: Infinity, lineBytes: Infinity },
  decisions: Infinity,
  facts: Infinity,
  textBytes: Infinity,
};

/** What is asked, what differs from the round before, what would run, risks, policy, reason, facts, background, log. */
export function pagesOf(view: ActionView, context: ActionContext): Pages {
  const url = viewUrl(context.publicUrl, view.actionId);
  const whole = (forms: RichTextBlock[]): RichTextBlock[] => forms.slice(0, 1);
  const blocks = [
    askedBlock(view, context),
    ...reopenedBlock(view, url, ALL),
    ...contentBlocks(executableContent(view)),
    ...flagsBlock(view, url, ALL),
    ...policyBlock(view, ALL),
    ...whole(reasonForms(view, url)),
    ...whole(factForms(view, url)),
    ...whole(backgroundForms(view, url, context.directory)),
    ...logBlocks(context),
  ];
  const pages = paginate(blocks.flatMap(({ elements }) => elements));
  return { pages, digest: digestOf(pages) };
}

function logBlocks({ log }: ActionContext): RichTextBlock[] {
  if (log === null) return [];
  if (!log.ok) return [richText(section(...text(log.because)))];
  return [richText(section(...bold("The agent's own log, whole and unverified")), preformatted(log.text))];
}

function paginate(parts: readonly RichTextPart[]): RichTextBlock[] {
  const pages: RichTextPart[][] = [];
  let page: RichTextPart[] = [];
  for (const piece of parts.flatMap(piecesOf)) {
    if (page.length > 0 && bytesOf([...page, piece]) > PAGE_BYTES) {
      pages.push(page);
      page = [];
    }
    page.push(piece);
  }
  if (page.length > 0) pages.push(page);
  return pages.map((elements) => richText(...elements));
}

/** A part that is too long for a page, cut into several of its kind. */
function piecesOf(part: RichTextPart): RichTextPart[] {
  if (bytesOf([part]) <= PIECE_BYTES) return [part];
  if (part.type === 'rich_text_list') {
    const items = part.elements.flatMap(({ elements }) => runsOf(elements));
    return items.map((elements) => ({ ...part, elements: [{ type: 'rich_text_section', elements }] }));
  }
  return runsOf(part.elements).map((elements) => ({ ...part, elements }));
}

/** Inlines in groups that are no longer than a piece. */
function runsOf(inlines: readonly Inline[]): Inline[][] {
  const runs: Inline[][] = [];
  let run: Inline[] = [];
  for (const inline of inlines.flatMap(shorter)) {
    if (run.length > 0 && bytesOf([...run, inline]) > PIECE_BYTES) {
      runs.push(run);
      run = [];
    }
    run.push(inline);
  }
  return run.length > 0 ? [...runs, run] : runs;
}

/** Cut at the end of a line where there is one, else between two characters. */
function shorter(inline: Inline): Inline[] {
  if (inline.type !== 'text' || bytesOf([inline]) <= PIECE_BYTES) return [inline];
  const characters = Array.from(inline.text);
  const middle = Math.floor(characters.length / 2);
  const line = characters.lastIndexOf('\n', middle);
  const at = line > 0 ? line + 1 : middle;
  return [characters.slice(0, at), characters.slice(at)].flatMap((half) => shorter({ ...inline, text: half.join('') }));
}
