import { visibleLine } from '../../core/visible-text.js';
import type { Inline, RichTextBlock, RichTextPart } from '../message/rich-text.js';

/** The part of Adaptive Cards 1.5 that we use (https://adaptivecards.io/explorer). */
export interface Card {
  type: 'AdaptiveCard';
  $schema: 'http://adaptivecards.io/schemas/adaptive-card.json';
  version: '1.5';
  fallbackText: string;
  /** Cards are narrow by default, and the content is wide. */
  msteams: { width: 'Full'; entities?: MentionEntity[] };
  body: Element[];
  actions: Action[];
  refresh?: Refresh;
}

/** Whom an `<at>` in the card names. */
export interface MentionEntity {
  type: 'mention';
  text: string;
  mentioned: { id: string; name: string };
}

/** What Teams asks the app by itself when somebody looks at the card. */
export interface Refresh {
  action: { type: 'Action.Execute'; title: string; verb: string; data: Record<string, string> };
  /** Teams' ids of the accounts for whom it does; left out: all, where there are 60 or fewer. */
  userIds?: string[];
}

export type Element = TextLine | MentionLine | Container | TextInput;

/** The one element for text that is not ours: a `TextBlock` would render Markdown. */
export interface TextLine {
  type: 'RichTextBlock';
  inlines: TextRun[];
  spacing?: 'None' | 'Small' | 'Medium' | 'Large';
}
export interface TextRun {
  type: 'TextRun';
  text: string;
  weight?: 'Bolder';
  size?: 'Small' | 'Large';
  italic?: true;
  isSubtle?: true;
  fontType?: 'Monospace';
  selectAction?: OpenUrl;
}
/** Only for mentions: they live in a `TextBlock` alone. */
export interface MentionLine {
  type: 'TextBlock';
  text: string;
  wrap: true;
  spacing?: 'None' | 'Small' | 'Medium';
}
export interface Container {
  type: 'Container';
  style?: 'emphasis' | 'attention' | 'good' | 'warning';
  bleed?: true;
  spacing?: 'Small' | 'Medium';
  separator?: true;
  items: Element[];
}
export interface TextInput {
  type: 'Input.Text';
  id: string;
  label: string;
  isMultiline: true;
  maxLength: number;
  isRequired: true;
  errorMessage: string;
}
export interface OpenUrl {
  type: 'Action.OpenUrl';
  title: string;
  url: string;
}
export interface Execute {
  type: 'Action.Execute';
  title: string;
  verb: string;
  data: Record<string, string>;
  style?: 'positive' | 'destructive';
  associatedInputs: 'auto' | 'none';
}
export interface ShowCard {
  type: 'Action.ShowCard';
  title: string;
  style?: 'destructive';
  card: { type: 'AdaptiveCard'; body: Element[]; actions: Execute[] };
}
export type Action = OpenUrl | Execute | ShowCard;

/** Teams refuses a message from about 28 KB on; this is the card alone, as JSON in UTF-8 bytes. */
export const CARD_BYTES = 25_000;

/** Size of a card as Teams receives it. */
export function cardBytes(card: Card): number {
  return Buffer.byteLength(JSON.stringify(card), 'utf8');
}

/** A card with nothing in it that comes alive but its actions. */
export function makeCard(body: Element[], actions: Action[], fallbackText: string): Card {
  return {
    type: 'AdaptiveCard',
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    version: '1.5',
    fallbackText: visibleLine(fallbackText),
    msteams: { width: 'Full' },
    body,
    actions,
  };
}

/** One line of text, in runs. */
export function line(inlines: TextRun[], spacing?: TextLine['spacing']): TextLine {
  return { type: 'RichTextBlock', inlines, ...(spacing !== undefined && { spacing }) };
}

/** Somebody to notify. */
export interface Mention {
  /** Free of markup. */
  name: string;
  aadObjectId: string;
}

/** The card with a line that names people, whom Teams notifies when it is posted. */
export function mentioning(people: readonly Mention[], card: Card): Card {
  if (people.length === 0) return card;
  const entities = people.map(({ name, aadObjectId }) => ({
    type: 'mention' as const,
    text: `<at>${name}</at>`,
    mentioned: { id: aadObjectId, name },
  }));
  const names: MentionLine = { type: 'TextBlock', text: entities.map(({ text }) => text).join(' '), wrap: true };
  return { ...card, msteams: { ...card.msteams, entities }, body: [...card.body, names] };
}

/**
 * Text as runs that show it and nothing else. `{{DATE(…)}}` and `{{TIME(…)}}` would be replaced even in a run; two
 * runs show the same characters and are no macro.
 */
export function run(text: string, style: Omit<TextRun, 'type' | 'text'> = {}): TextRun[] {
  return text
    .split(/(?<=\{)(?=\{(?:DATE|TIME)\()/i)
    .filter((part) => part !== '')
    .map((part) => ({ type: 'TextRun', text: part, ...style }));
}

/** Parts of a message as elements of a card, each with a little room before it. */
export function elementsOf(block: RichTextBlock): Element[] {
  return block.elements.flatMap((part, index) => spaced(partElements(part), index === 0 ? 'Medium' : 'Small'));
}

function spaced(elements: Element[], spacing: 'Medium' | 'Small'): Element[] {
  const [first, ...rest] = elements;
  if (first === undefined) return [];
  return first.type === 'Input.Text' ? elements : [{ ...first, spacing }, ...rest];
}

function partElements(part: RichTextPart): Element[] {
  switch (part.type) {
    case 'rich_text_section':
      return linesOf(part.elements);
    case 'rich_text_quote':
      return [{ type: 'Container', style: 'emphasis', items: linesOf(part.elements) }];
    case 'rich_text_preformatted':
      return [{ type: 'Container', style: 'emphasis', items: linesOf(part.elements, { fontType: 'Monospace' }) }];
    case 'rich_text_list':
      return part.elements.flatMap(({ elements }) =>
        linesOf([{ type: 'text', text: '• ' }, ...elements]).map((item, index) =>
          index === 0 ? item : { ...item, inlines: [...run(INDENT), ...item.inlines] },
        ),
      );
  }
}

const INDENT = '\u00a0\u00a0';

/** Each line of the text is an element of its own: clients show a line feed inside a run as a space. */
function linesOf(inlines: readonly Inline[], style: Omit<TextRun, 'type' | 'text'> = {}): TextLine[] {
  const lines: TextRun[][] = [[]];
  for (const inline of inlines) {
    const [first = '', ...more] = textOf(inline).split('\n');
    const styled = { ...style, ...styleOf(inline) };
    lines.at(-1)?.push(...run(kept(first), styled));
    for (const next of more) lines.push(run(kept(next), styled));
  }
  // An element without a run would not be there at all.
  return lines.map((runs) => line(runs.length === 0 ? run('\u00a0', style) : runs, 'None'));
}

/** Clients show several blanks as one: indentation and tables keep their shape by blanks that are not broken. */
function kept(text: string): string {
  return text
    .replace(/\t/g, '\u00a0\u00a0\u00a0\u00a0')
    .replace(/ {2,}/g, (blanks) => '\u00a0'.repeat(blanks.length))
    .replace(/^ | $/g, '\u00a0');
}

function textOf(inline: Inline): string {
  switch (inline.type) {
    case 'text':
    case 'link':
      return inline.text;
    case 'emoji':
      return EMOJI[inline.name] ?? '';
    case 'date':
      return inline.fallback;
  }
}

function styleOf(inline: Inline): Omit<TextRun, 'type' | 'text'> {
  switch (inline.type) {
    case 'text': {
      const { bold, italic, code } = inline.style ?? {};
      return {
        ...(bold && { weight: 'Bolder' as const }),
        ...(italic && { italic }),
        ...(code && { fontType: 'Monospace' as const }),
      };
    }
    case 'link':
      return { selectAction: { type: 'Action.OpenUrl', title: inline.text, url: inline.url } };
    case 'emoji':
    case 'date':
      return {};
  }
}

/** Names of the signs that messages use. */
const EMOJI: Readonly<Record<string, string>> = {
  rotating_light: '🚨',
  red_circle: '🔴',
  large_orange_circle: '🟠',
  large_yellow_circle: '🟡',
  information_source: 'ℹ',
  white_check_mark: '✅',
  no_entry: '⛔',
};
