import { visibleText } from '../../core/visible-text.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import { endBlocks, isDenied } from './end.js';
import { backgroundForms, count, factForms, logForms, reasonForms } from './forms.js';
import { viewUrl, type RenderContext } from './context.js';
import { glassBlock } from './glass.js';
import { askedBlock, flagsBlock, policyBlock, reopenedBlock, waitingBlock, type Room } from './parts.js';
import { bold, bytesOf, clip, preformatted, richText, section, text, type RichTextBlock } from './rich-text.js';

/** And what can be shown of the agent's log; null when it named none. */
export interface ActionContext extends RenderContext {
  log: LogText | null;
}

/** What a message of one channel is like. */
export interface Medium<Message> {
  /** Most bytes of a message, as `bytesOf` measures it. */
  maxBytes: number;
  /** The message around these parts. `whole`: all that whoever approves must read stands in them. */
  compose(parts: RichTextBlock[], whole: boolean): Message;
  bytesOf(message: Message): number;
}

/** How far an action has come; later views of it have more. */
export function revisionOf(view: ActionView): number {
  return view.timeline.length;
}

/** Whether people can decide on it now: not before there is a plan, and not after one of them denied. */
export function isDecidable(view: ActionView): boolean {
  return (
    view.state === 'waiting' && view.actionDigest !== null && (view.plan?.stages.length ?? 0) > 0 && !isDenied(view)
  );
}

/** Whether a decision made in a message counts. Where policy demands a fresh sign-in there is the link to the full view alone. */
export function isDecidableInChat(view: ActionView): boolean {
  return view.plan?.assurance === 'any';
}

/**
 * Lays an action out in one message. The executable content (query and remaining parameters), every risk and what differs
 * from the round before are shown whole, or the message is composed as not whole, with only the content's marked beginning.
 * What else does not fit is left out with a count and the link.
 * @throws Error when the smallest form is over the medium's limit.
 */
export function layOutAction<Message>(view: ActionView, context: ActionContext, medium: Medium<Message>): Message {
  const url = viewUrl(context.publicUrl, view.actionId);
  const composeIn =
    (room: Room): Compose<Message> =>
    (body, whole) =>
      medium.compose(
        [
          askedBlock(view, context),
          // Of a closed action people want to know how it ended.
          ...endBlocks(view, context.directory, room),
          ...glassBlock(view, context, room),
          ...reopenedBlock(view, url, room),
          ...body,
          ...flagsBlock(view, url, room),
          ...policyBlock(view, room),
          ...waitingBlock(view, context.directory, room),
        ],
        whole,
      );
  const { compose, body: shown, whole } = fitContent(executableContent(view), url, composeIn, medium);
  let body = shown;
  const all = [
    reasonForms(view, url),
    factForms(view, url),
    backgroundForms(view, url, context.directory),
    logForms(view, url, context.log),
  ];
  for (const forms of all) {
    const fitting = forms.find((form) => medium.bytesOf(compose([...body, form], whole)) <= medium.maxBytes);
    if (fitting !== undefined) body = [...body, fitting];
  }
  return compose(body, whole);
}

type Compose<Message> = (body: RichTextBlock[], whole: boolean) => Message;

/** All risks, and all that differs from the round before: nobody approves here what they could not read here. */
const WHOLE = {
  flags: Infinity,
  flagBytes: Infinity,
  differences: { items: Infinity, textBytes: Infinity, lineBytes: Infinity },
};

/** In which Approve may stand, widest first. */
const ROOMS_TO_APPROVE_IN: readonly Room[] = [
  { ...WHOLE, decisions: 8, facts: 12, textBytes: 600 },
  { ...WHOLE, decisions: 6, facts: 8, textBytes: 300 },
];

/** The others, widest first. */
const ROOMS: readonly Room[] = [
  roomOf({ flags: 12, differences: 12, decisions: 8, facts: 12, textBytes: 600, lineBytes: 3_000 }),
  roomOf({ flags: 6, differences: 8, decisions: 6, facts: 8, textBytes: 300, lineBytes: 1_500 }),
  roomOf({ flags: 4, differences: 4, decisions: 3, facts: 4, textBytes: 150, lineBytes: 500 }),
  roomOf({ flags: 2, differences: 2, decisions: 2, facts: 2, textBytes: 90, lineBytes: 0 }),
  roomOf({ flags: 1, differences: 0, decisions: 1, facts: 1, textBytes: 60, lineBytes: 0 }),
];

interface Measures extends Omit<Room, 'flagBytes' | 'differences'> {
  differences: number;
  lineBytes: number;
}

function roomOf({ differences: items, lineBytes, ...room }: Measures): Room {
  const { textBytes } = room;
  return { ...room, flagBytes: textBytes, differences: { items, textBytes, lineBytes } };
}

/** Kept for the shortest forms of reason, facts, background and log, so that they are never crowded out without a word. */
const CONTEXT_RESERVE = 0.15;

/** The content whole where all that must be read fits, else its beginning, in the widest room that lets it. */
function fitContent<Message>(
  content: Part[],
  url: string,
  composeIn: (room: Room) => Compose<Message>,
  medium: Medium<Message>,
): { compose: Compose<Message>; body: RichTextBlock[]; whole: boolean } {
  const { maxBytes } = medium;
  // Every character takes a byte at least: what is far too long is not laid out first.
  const tooLong = content.reduce((chars, { body }) => chars + body.length, 0) > maxBytes;
  const whole = {
    body: tooLong ? [] : contentBlocks(content),
    whole: true,
    rooms: tooLong ? [] : ROOMS_TO_APPROVE_IN,
  };
  const beginning = { body: beginningBlocks(content, url), whole: false, rooms: ROOMS };
  for (const { body, whole: isWhole, rooms } of [whole, beginning]) {
    for (const room of rooms) {
      const compose = composeIn(room);
      if (medium.bytesOf(compose(body, isWhole)) <= maxBytes * (1 - CONTEXT_RESERVE))
        return { compose, body, whole: isWhole };
    }
  }
  throw new Error('layOutAction: the smallest form of the message is over the limit');
}

interface Part {
  label: string;
  body: string;
}

/** What runs: the preview's content, and every parameter that does not stand in it as it is. */
export function executableContent(view: ActionView): Part[] {
  if (view.preview === null) return [];
  const { language, text: content } = view.preview.content;
  const rest = Object.entries(view.request.params).filter(([, value]) => !isIn(content, value));
  const parts: Part[] = [{ label: CONTENT_LABELS[language], body: content }];
  if (rest.length > 0)
    parts.push({ label: 'With these parameters', body: JSON.stringify(Object.fromEntries(rest), null, 2) });
  return parts;
}

/** The same text, or its beginning up to the end of a line; a mere name could mean anything there. */
function isIn(content: string, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value === content || (/\s/.test(value) && content.startsWith(`${value}\n`));
}

const CONTENT_LABELS = {
  sql: 'The query, whole',
  diff: 'The change, whole',
  text: 'What will run, whole',
  json: 'What will run, whole',
} as const;

export function contentBlocks(parts: Part[]): RichTextBlock[] {
  return parts.map(({ label, body }) => richText(section(...bold(label)), preformatted(body)));
}

const BEGINNING_BYTES = 1_500;

/** For a message that does not hold all that whoever approves must read. */
function beginningBlocks(parts: Part[], url: string): RichTextBlock[] {
  if (parts.length === 0) return [];
  const all = parts.map(({ body }) => body).join('\n');
  const isShort = bytesOf([visibleText(all)]) <= BEGINNING_BYTES;
  const why = isShort
    ? 'Risks or differences are too many for a message. All of them are in '
    : `This is only the beginning of ${count(all.length)} characters, too many for a message. All of it is in `;
  const note = section(
    ...bold('Not shown whole. '),
    ...text(why),
    { type: 'link', url, text: 'the full view' },
    ...text('; whoever approves must read it there.'),
  );
  return isShort
    ? [richText(note), ...contentBlocks(parts)]
    : [richText(note, preformatted(clip(all, BEGINNING_BYTES)))];
}
