import type { ActionView } from '../../record/action-view.js';
import { headline } from '../message/end.js';
import { subjectUrl, viewUrl, type RenderContext } from '../message/context.js';
import { isDecidable, isDecidableInChat, layOutAction, type ActionContext } from '../message/layout.js';
import { personName } from '../message/parts.js';
import { bold, clip, richText, section, text, type RichTextBlock } from '../message/rich-text.js';
import { utcTime } from '../message/times.js';
import { REASON_CHARS, TEAMS_NAMES } from './activity.js';
import {
  CARD_BYTES,
  cardBytes,
  elementsOf,
  line,
  makeCard,
  run,
  type Action,
  type Card,
  type Element,
  type ShowCard,
} from './card.js';

/** A message as Teams is sent it. */
export interface RenderedCard {
  /** For notifications and lists of chats. */
  summary: string;
  card: Card;
}

/** What a card says above the action, to one person. */
export interface Banner {
  ok: boolean;
  words: string;
}

/** Kept for the banner. */
const BANNER_BYTES = 1_200;
const HEADLINE_BYTES = 400;

/**
 * The card that shows an action, with what Slack's message shows. The executable content, every risk and what differs from the
 * round before stand whole beside Approve, or there is a link to the full view instead. All text that is not ours stands
 * in runs, which are literal.
 */
export function renderAction(view: ActionView, context: ActionContext, banner: Banner | null = null): RenderedCard {
  const url = viewUrl(context.publicUrl, view.actionId);
  return {
    summary: summaryOf(view, context),
    card: layOutAction<Card>(view, context, {
      maxBytes: CARD_BYTES - BANNER_BYTES,
      compose: (parts, whole) => compose(view, url, { parts, whole, banner, context }),
      // The banner has room of its own: a card must not change its form because of it.
      bytesOf: (card) => cardBytes(card) - (banner === null ? 0 : cardBytesOfBanner(banner)),
    }),
  };
}

/** The least that can be posted, for when Teams refuses the whole card: no Approve, but the link. */
export function renderNotice(view: ActionView, context: RenderContext): RenderedCard {
  const url = viewUrl(context.publicUrl, view.actionId);
  const parts = [
    richText(section(...bold('Not shown here. '), ...text('Teams did not take the card that shows this action.'))),
  ];
  return {
    summary: summaryOf(view, context),
    card: compose(view, url, { parts, whole: false, banner: null, context }),
  };
}

/** For a message that is not the one that is kept up to date. */
export function renderReplaced(subject: string, { publicUrl }: Pick<RenderContext, 'publicUrl'>): RenderedCard {
  const words = 'This message was posted twice. The other one is kept up to date; nothing can be decided here.';
  const open: Action = { type: 'Action.OpenUrl', title: 'Full view', url: subjectUrl(publicUrl, subject) };
  return { summary: words, card: makeCard([line(run(words))], [open], words) };
}

interface Composition {
  parts: RichTextBlock[];
  whole: boolean;
  banner: Banner | null;
  context: RenderContext;
}

function compose(view: ActionView, url: string, { parts, whole, banner, context }: Composition): Card {
  const body: Element[] = [
    ...(banner === null ? [] : [bannerElement(banner)]),
    line(run(clip(headline(view).replace(/\n/g, ' '), HEADLINE_BYTES), { weight: 'Bolder', size: 'Large' })),
    ...parts.flatMap(elementsOf),
    foot(view),
  ];
  return makeCard(body, actionsOf(view, url, whole), summaryOf(view, context));
}

function bannerElement({ ok, words }: Banner): Element {
  const items = [line(run(clip(words.replace(/\n/g, ' '), BANNER_BYTES / 2), { weight: 'Bolder' }))];
  return { type: 'Container', style: ok ? 'good' : 'attention', bleed: true, items };
}

function cardBytesOfBanner(banner: Banner): number {
  return Buffer.byteLength(JSON.stringify(bannerElement(banner))) + 1;
}

function actionsOf(view: ActionView, url: string, whole: boolean): Action[] {
  const open: Action = { type: 'Action.OpenUrl', title: 'Full view', url };
  if (!isDecidable(view) || view.actionDigest === null) return [open];
  const read: Action = { ...open, title: 'Read it whole and decide' };
  if (!isDecidableInChat(view)) return [read];
  const data = { actionId: view.actionId, actionDigest: view.actionDigest };
  const approve: Action = {
    type: 'Action.Execute',
    title: 'Approve',
    verb: TEAMS_NAMES.approve,
    data,
    style: 'positive',
    // A reason half written under Deny is none for an approval.
    associatedInputs: 'none',
  };
  return whole ? [approve, denial(data), open] : [read, denial(data)];
}

function denial(data: { actionId: string; actionDigest: string }): ShowCard {
  return {
    type: 'Action.ShowCard',
    title: 'Deny …',
    style: 'destructive',
    card: {
      type: 'AdaptiveCard',
      body: [
        {
          type: 'Input.Text',
          id: TEAMS_NAMES.reason,
          label: 'Why? The agent and the record get this reason.',
          isMultiline: true,
          maxLength: REASON_CHARS,
          isRequired: true,
          errorMessage: 'Please say why.',
        },
      ],
      actions: [
        {
          type: 'Action.Execute',
          title: 'Deny',
          verb: TEAMS_NAMES.deny,
          data,
          style: 'destructive',
          associatedInputs: 'auto',
        },
      ],
    },
  };
}

function foot(view: ActionView): Element {
  const expiry = view.state === 'done' ? '' : `Expires ${utcTime(view.expiresAtMs)} · `;
  const digest = view.actionDigest === null ? '' : ` · digest ${view.actionDigest.slice(0, 16)}`;
  return line(run(`${expiry}action ${view.actionId}${digest}`, { size: 'Small', isSubtle: true }), 'Medium');
}

function summaryOf(view: ActionView, { directory }: RenderContext): string {
  const agent = directory.agent(view.request.agent);
  const who = agent === undefined ? view.request.agent : `${agent.name} for ${personName(directory, agent.owner)}`;
  return clip(`${headline(view)}. Asked by ${who}.`.replace(/\n/g, ' '), 2 * HEADLINE_BYTES);
}
