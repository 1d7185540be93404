import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import { revisionOf } from '../message/layout.js';
import { revisionOfNotice, type Notice } from '../message/notice.js';
import type { RichTextBlock } from '../message/rich-text.js';
import { BLOCK_LIMITS, plain } from './blocks.js';
import { escapeMrkdwn } from './escape.js';
import { renderAction, renderNotice } from './render.js';
import type { MessageContent } from './show-message.js';
import type { OutgoingMessage } from './slack-api.js';

export interface DrawOptions {
  directory: () => Directory;
  /** The agent's log, as far as it can be shown. */
  readLog: (view: ActionView) => Promise<LogText | null>;
  config: {
    /** Without a trailing slash. */
    publicUrl: string;
  };
}

/** An action, as its message shows it. */
export function actionContent(view: ActionView, { directory, readLog, config }: DrawOptions): MessageContent {
  const context = () => ({ directory: directory(), publicUrl: config.publicUrl });
  return {
    subject: view.actionId,
    revision: revisionOf(view),
    eventType: 'countersign_action',
    render: async () => renderAction(view, { ...context(), log: await readLog(view) }),
    renderLeast: () => renderNotice(view, context()),
  };
}

/** An alarm or a freeze. */
export function noticeContent(notice: Notice): MessageContent {
  const { subject, headline, block, url } = notice;
  const revision = revisionOfNotice(notice);
  const eventType = 'countersign_notice';
  const draw = (blocks: RichTextBlock[]): OutgoingMessage => ({
    text: escapeMrkdwn(headline),
    blocks: [
      { type: 'header', text: plain(headline, BLOCK_LIMITS.headerChars) },
      ...blocks,
      { type: 'context', elements: [{ type: 'mrkdwn', text: `<${url}|Full view>`, verbatim: true }] },
    ],
    // The name is that of an action's, by which an unclear post is looked for.
    metadata: { event_type: eventType, event_payload: { action_id: subject, revision } },
  });
  return { subject, revision, eventType, render: async () => draw([block]), renderLeast: () => draw([]) };
}
