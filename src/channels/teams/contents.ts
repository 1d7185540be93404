import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import type { LogText } from '../../record/log-text.js';
import { revisionOf } from '../message/layout.js';
import { revisionOfNotice, type Notice } from '../message/notice.js';
import { elementsOf, line, makeCard, run } from './card.js';
import { renderAction, renderNotice } from './render.js';
import type { CardContent } from './show-card.js';
import type { OutgoingMessage } from './teams-api.js';

export interface DrawOptions {
  directory: () => Directory;
  /** The agent's log, as far as it can be shown. */
  readLog: (view: ActionView) => Promise<LogText | null>;
  config: {
    /** Without a trailing slash. */
    publicUrl: string;
  };
}

/** An action, as its card shows it. */
export function actionContent(view: ActionView, { directory, readLog, config }: DrawOptions): CardContent {
  const context = () => ({ directory: directory(), publicUrl: config.publicUrl });
  return {
    subject: view.actionId,
    revision: revisionOf(view),
    isFinal: view.state === 'done',
    isDrawnAnew: true,
    render: async () => renderAction(view, { ...context(), log: await readLog(view) }),
    renderLeast: () => renderNotice(view, context()),
  };
}

/** An alarm or a freeze. */
export function noticeContent(notice: Notice): CardContent {
  const { subject, headline, block, url, overAtMs } = notice;
  const draw = (body: typeof block.elements): OutgoingMessage => {
    const head = line(run(headline, { weight: 'Bolder', size: 'Large' }));
    const open = { type: 'Action.OpenUrl' as const, title: 'Full view', url };
    return { summary: headline, card: makeCard([head, ...elementsOf({ ...block, elements: body })], [open], headline) };
  };
  return {
    subject,
    revision: revisionOfNotice(notice),
    isFinal: overAtMs !== null,
    isDrawnAnew: false,
    render: async () => draw(block.elements),
    renderLeast: () => draw([]),
  };
}
