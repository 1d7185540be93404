import { visibleLine } from '../../core/visible-text.js';
import { utcTime } from '../message/times.js';

/**
 * Text for inside a `mrkdwn` object or a message's fallback `text`: Slack's three control characters become entities
 * (https://docs.slack.dev/messaging/formatting-message-text#escaping), so that no link, mention or broadcast comes alive.
 * Slack has no escape for formatting characters; they become look-alikes that it does not read.
 * Untrusted text belongs in rich text elements instead, which are literal; this is for the few places without them.
 */
export function escapeMrkdwn(text: string): string {
  return visibleLine(text)
    .replace(/[*_~`]/g, (character) => LOOK_ALIKES[character] ?? character)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}

const LOOK_ALIKES: Readonly<Record<string, string>> = { '*': '∗', _: '＿', '~': '∼', '`': 'ˋ' };

/** A time in the reader's own time zone, with UTC for clients that cannot show it. Only for `mrkdwn` and `text`. */
export function mrkdwnDate(timeMs: number): string {
  return `<!date^${Math.floor(timeMs / 1000).toString()}^{date_short_pretty} at {time}|${utcTime(timeMs)}>`;
}
