import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import {
  BLOCK_LIMITS,
  bold,
  bytesOf,
  clip,
  cut,
  list,
  plain,
  preformatted,
  quote,
  richText,
  section,
  text,
  type ActionsBlock,
  type Block,
  type Inline,
  type RichTextBlock,
} from './blocks.js';
import { escapeMrkdwn, mrkdwnDate } from './escape.js';
import { buttonValue, SLACK_NAMES } from './interaction.js';
import { askedBlock, flagsBlock, personName, policyBlock, waitingBlock, type Room } from './render-parts.js';
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

/** Address of the page that shows all of an action. */
function viewUrl(publicUrl: string, actionId: string): string {
  return `${publicUrl}/view/${encodeURIComponent(actionId)}`;
}

/** How far an action has come; later views of it have more. */
export function revisionOf(view: ActionView): number {
  return view.timeline.length;
}

/**
 * The message that shows an action. The executable content (query and remaining parameters) is shown whole or, when it
 * does not fit, only its marked beginning: then there is no Approve button but a link to the full view.
 * What else does not fit is left out with a count and the link.
 */
export function renderAction(view: ActionView, context: RenderContext): RenderedMessage {
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

type Layout = (view: ActionView, context: RenderContext, title: string, url: string) => Block[];

function renderAs(view: ActionView, context: RenderContext, lay: Layout): RenderedMessage {
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

function layOut(view: ActionView, context: RenderContext, title: string, url: string): Block[] {
  const composeIn =
    (room: Room): Compose =>
    (body, whole) => [
      { type: 'header', text: plain(title, BLOCK_LIMITS.headerChars) },
      askedBlock(view, context.directory),
      // Of a closed action people want to know how it ended.
      ...endBlocks(view, context.directory, room),
      ...body,
      ...flagsBlock(view, url, room),
      ...policyBlock(view, room),
      ...waitingBlock(view, context.directory, room),
      ...buttons(view, url, whole),
      foot(view, url),
    ];
  const { compose, body: shown, whole } = fitContent(executableContent(view), url, composeIn);
  let body = shown;
  for (const forms of [reasonForms(view, url), factForms(view, url), logForms(view, url)]) {
    const fitting = forms.find((form) => bytesOf(compose([...body, form], whole)) <= BLOCK_LIMITS.messageBytes);
    if (fitting !== undefined) body = [...body, fitting];
  }
  return compose(body, whole);
}

/** Widest first. */
const ROOMS: readonly Room[] = [
  { flags: 12, decisions: 8, facts: 12, textBytes: 600 },
  { flags: 6, decisions: 6, facts: 8, textBytes: 300 },
  { flags: 4, decisions: 3, facts: 4, textBytes: 150 },
  { flags: 2, decisions: 2, facts: 2, textBytes: 90 },
];

/** Below this room too little of the risks would be readable beside an Approve button. */
const ROOMS_TO_APPROVE_IN = 2;

/** Kept for the shortest forms of reason, facts and logs, so that they are never crowded out without a word. */
const CONTEXT_RESERVE_BYTES = 1_500;

/** The content whole where it fits, else its beginning, in the widest room that lets it. */
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
    rooms: tooLong ? [] : ROOMS.slice(0, ROOMS_TO_APPROVE_IN),
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

function beginningBlocks(parts: Part[], url: string): RichTextBlock[] {
  if (parts.length === 0) return [];
  const all = parts.map(({ body }) => body).join('\n');
  return [
    richText(
      section(
        ...bold('Not shown whole. '),
        ...text(
          `This is only the beginning of ${count(all.length)} characters, too many for a message. All of it is in `,
        ),
        { type: 'link', url, text: 'the full view' },
        ...text('; whoever approves must read it there.'),
      ),
      preformatted(clip(all, BEGINNING_BYTES)),
    ),
  ];
}

/** Forms of the reason, longest first. */
function reasonForms(view: ActionView, url: string): RichTextBlock[] {
  const { reason } = view.request;
  const head = section(...text("The agent's reason, in its own words and unverified:", { italic: true }));
  const forms = [reason.length, 1_000, 400, 120, 0].filter((chars) => chars <= reason.length);
  return forms.map((chars) => {
    const shown = cut(reason, chars);
    const left = reason.length - shown.length;
    const parts = shown === '' ? [] : [head, quote(shown)];
    return left === 0
      ? richText(...parts)
      : richText(...parts, leftOut(`${count(left)} characters of the agent's reason`, url));
  });
}

function factForms(view: ActionView, url: string): RichTextBlock[] {
  const facts = view.preview?.facts ?? [];
  if (facts.length === 0) return [];
  const forms = [facts.length, 20, 10, 5, 2, 0].filter((number) => number <= facts.length);
  return [...new Set(forms)].map((number) => {
    const items = facts.slice(0, number).map(({ label, value }): Inline[] => [...bold(`${label}: `), ...text(value)]);
    const parts = items.length === 0 ? [] : [section(...bold('What the preview found')), list(items)];
    const left = facts.length - number;
    return left === 0
      ? richText(...parts)
      : richText(...parts, leftOut(`${count(left)} more facts of the preview`, url));
  });
}

function logForms(view: ActionView, url: string): RichTextBlock[] {
  const lines = (view.request.logs ?? '').replace(/\n+$/, '').split('\n');
  if (lines.length === 1 && lines[0] === '') return [];
  const head = section(...text("The end of the agent's own log, unverified:", { italic: true }));
  const forms = [20, 10, 5, 2, 0].map((number) => Math.min(number, lines.length));
  return [...new Set(forms)].map((number) => {
    const left = lines.length - number;
    const parts = number === 0 ? [] : [head, preformatted(lines.slice(-number).join('\n'))];
    return left === 0
      ? richText(...parts)
      : richText(...parts, leftOut(`${count(left)} earlier lines of the agent's log`, url));
  });
}

function leftOut(what: string, url: string) {
  return section(...text(`Left out here: ${what}; see `), { type: 'link', url, text: 'the full view' }, ...text('.'));
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

function count(number: number): string {
  return number.toLocaleString('en-US');
}
