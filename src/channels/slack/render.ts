import type { ActionView } from '../../record/action-view.js';
import { headline } from '../message/end.js';
import { viewUrl, type RenderContext } from '../message/context.js';
import { isDecidable, isDecidableInChat, layOutAction, revisionOf, type ActionContext } from '../message/layout.js';
import { personName } from '../message/parts.js';
import { bold, bytesOf, richText, section, text } from '../message/rich-text.js';
import { BLOCK_LIMITS, plain, type ActionsBlock, type Block } from './blocks.js';
import { escapeMrkdwn, mrkdwnDate } from './escape.js';
import { buttonValue, SLACK_NAMES } from './interaction.js';

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

function layOut(view: ActionView, context: ActionContext, title: string, url: string): Block[] {
  return layOutAction<Block[]>(view, context, {
    maxBytes: BLOCK_LIMITS.messageBytes,
    compose: (parts, whole): Block[] => [
      { type: 'header', text: plain(title, BLOCK_LIMITS.headerChars) },
      ...parts,
      ...buttons(view, url, whole),
      foot(view, url),
    ],
    bytesOf,
  });
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
  const read = { type: 'button', action_id: SLACK_NAMES.read, text: plain('Read all here', 75), value } as const;
  const reading = whole ? [] : [read];
  const elements = isDecidableInChat(view) ? [...(whole ? [approve] : [...reading, open]), deny] : [...reading, open];
  return [{ type: 'actions', elements }];
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
