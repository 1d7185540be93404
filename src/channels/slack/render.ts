import { visibleText } from '../../core/visible-text.js';
import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import {
  BLOCK_LIMITS,
  bold,
  bytesOf,
  clip,
  plain,
  preformatted,
  richText,
  section,
  text,
  type ActionsBlock,
  type Block,
  type RichTextBlock,
} from './blocks.js';
import { escapeMrkdwn, mrkdwnDate } from './escape.js';
import { buttonValue, SLACK_NAMES } from './interaction.js';
import { backgroundForms, count, factForms, logForms, reasonForms } from './render-forms.js';
import {
  askedBlock,
  flagsBlock,
  personName,
  policyBlock,
  reopenedBlock,
  waitingBlock,
  type Room,
} from './render-parts.js';
import { endBlocks, headline, isDenied } from './render-end.js';

/** A message as Slack is sent it. */
export interface RenderedMessage {
  /** For notifications and clients without blocks. */
  text: string;
  blocks: Block[];
  metadata: {
    event_type: 'countersign_action';
    event_payload: { action_id: string; digest: string; revision: number };
  };
}

export interface RenderContext {
  directory: Directory;
  /** Without a trailing slash. */
  publicUrl: string;
}

/** And what can be shown of the agent's log; null when it named none. */
export interface ActionContext extends RenderContext {
  log: LogText | null;
}

/** Address of the page that shows all of an action. */
function viewUrl(publicUrl: string, actionId: string): string {
  return `${publicUrl}/view/${encodeURIComponent(actionId)}`;
}

/** How far an action has come; later views of it have more. */
export function revisionOf(view: ActionView): number {
  return view.timeline.length;
}

/**
 * The message that shows an action. The executable content (query and remaining parameters), every risk and what differs
 * from the round before are shown whole, or there is no Approve button but a link to the full view, and of the content
 * only its marked beginning. What else does not fit is left out with a count and the link.
 */
export function renderAction(view: ActionView, context: ActionContext): RenderedMessage {
  return renderAs(view, context, layOut);
}

/** The least that can be posted, for when Slack refuses the blocks of the whole message: no Approve, but the link. */
export function renderNotice(view: ActionView, context: RenderContext): RenderedMessage {
  return renderAs(view, context, (_view, _context, title, url) => [
    { type: 'header', text: plain(title, BLOCK_LIMITS.headerChars) },
    richText(section(...bold('Not shown here. '), ...text('Slack did not take the message that shows this action.'))),
    ...buttons(view, url, false),
    foot(view, url),
  ]);
}

type Layout<Context> = (view: ActionView, context: Context, title: string, url: string) => Block[];

function renderAs<Context extends RenderContext>(
  view: ActionView,
  context: Context,
  lay: Layout<Context>,
): RenderedMessage {
  const url = viewUrl(context.publicUrl, view.actionId);
  const title = headline(view);
  return {
    text: `${escapeMrkdwn(title)}. Asked by ${escapeMrkdwn(agentName(view, context))}. ${fallbackEnd(view)}`,
    blocks: lay(view, context, title, url),
    metadata: {
      event_type: 'countersign_action',
      event_payload: { action_id: view.actionId, digest: view.actionDigest ?? '', revision: revisionOf(view) },
    },
  };
}

/** Whether people can decide on it now: not before there is a plan, and not after one of them denied. */
export function isDecidable(view: ActionView): boolean {
  return (
    view.state === 'waiting' && view.actionDigest !== null && (view.plan?.stages.length ?? 0) > 0 && !isDenied(view)
  );
}

type Compose = (body: RichTextBlock[], whole: boolean) => Block[];

function layOut(view: ActionView, context: ActionContext, title: string, url: string): Block[] {
  const composeIn =
    (room: Room): Compose =>
    (body, whole) => [
      { type: 'header', text: plain(title, BLOCK_LIMITS.headerChars) },
      askedBlock(view, context.directory),
      // Of a closed action people want to know how it ended.
      ...endBlocks(view, context.directory, room),
      ...reopenedBlock(view, url, room),
      ...body,
      ...flagsBlock(view, url, room),
      ...policyBlock(view, room),
      ...waitingBlock(view, context.directory, room),
      ...buttons(view, url, whole),
      foot(view, url),
    ];
  const { compose, body: shown, whole } = fitContent(executableContent(view), url, composeIn);
  let body = shown;
  const all = [
    reasonForms(view, url),
    factForms(view, url),
    backgroundForms(view, url, context.directory),
    logForms(view, url, context.log),
  ];
  for (const forms of all) {
    const fitting = forms.find((form) => bytesOf(compose([...body, form], whole)) <= BLOCK_LIMITS.messageBytes);
    if (fitting !== undefined) body = [...body, fitting];
  }
  return compose(body, whole);
}

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
const CONTEXT_RESERVE_BYTES = 1_500;

/** The content whole where all that must be read fits, else its beginning, in the widest room that lets it. */
function fitContent(
  content: Part[],
  url: string,
  composeIn: (room: Room) => Compose,
): { compose: Compose; body: RichTextBlock[]; whole: boolean } {
  // Every character takes a byte at least: what is far too long is not laid out first.
  const tooLong = content.reduce((chars, { body }) => chars + body.length, 0) > BLOCK_LIMITS.messageBytes;
  const whole = {
    body: tooLong ? [] : contentBlocks(content),
    whole: true,
    rooms: tooLong ? [] : ROOMS_TO_APPROVE_IN,
  };
  const beginning = { body: beginningBlocks(content, url), whole: false, rooms: ROOMS };
  for (const { body, whole: isWhole, rooms } of [whole, beginning]) {
    for (const room of rooms) {
      const compose = composeIn(room);
      if (bytesOf(compose(body, isWhole)) <= BLOCK_LIMITS.messageBytes - CONTEXT_RESERVE_BYTES)
        return { compose, body, whole: isWhole };
    }
  }
  throw new Error('renderAction: the smallest form of the message is over the limit');
}

interface Part {
  label: string;
  body: string;
}

/** What runs: the preview's content, and every parameter that does not stand in it as it is. */
function executableContent(view: ActionView): Part[] {
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

function contentBlocks(parts: Part[]): RichTextBlock[] {
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

function buttons(view: ActionView, url: string, whole: boolean): ActionsBlock[] {
  if (!isDecidable(view) || view.actionDigest === null) return [];
  const value = buttonValue(view.actionId, view.actionDigest);
  const open = {
    type: 'button',
    action_id: SLACK_NAMES.open,
    text: plain('Read it whole and decide', 75),
    url,
  } as const;
  const approve = {
    type: 'button',
    action_id: SLACK_NAMES.approve,
    text: plain('Approve', 75),
    value,
    style: 'primary',
    confirm: {
      title: plain('Approve this action?', 100),
      text: plain(`${headline(view)}. Your approval is signed and recorded. Risk: ${view.risk}.`, 300),
      confirm: plain('Approve', 30),
      deny: plain('Not yet', 30),
    },
  } as const;
  const deny = {
    type: 'button',
    action_id: SLACK_NAMES.deny,
    text: plain('Deny …', 75),
    value,
    style: 'danger',
  } as const;
  return [{ type: 'actions', elements: [whole ? approve : open, deny] }];
}

/** Only our own words, so mrkdwn is safe here. */
function foot(view: ActionView, url: string): Block {
  const expiry = view.state === 'done' ? '' : `Expires ${mrkdwnDate(view.expiresAtMs)} · `;
  const digest = view.actionDigest === null ? '' : ` · digest \`${view.actionDigest.slice(0, 16)}\``;
  const line = `${expiry}<${url}|Full view> · action \`${view.actionId}\`${digest}`;
  return { type: 'context', elements: [{ type: 'mrkdwn', text: line, verbatim: true }] };
}

function fallbackEnd(view: ActionView): string {
  if (view.state === 'done') return 'It is closed.';
  return view.state === 'waiting'
    ? `It waits for a decision until ${mrkdwnDate(view.expiresAtMs)}.`
    : 'No decision is needed now.';
}

function agentName(view: ActionView, { directory }: RenderContext): string {
  const agent = directory.agent(view.request.agent);
  if (agent === undefined) return view.request.agent;
  return `${agent.name} for ${personName(directory, agent.owner)}`;
}
