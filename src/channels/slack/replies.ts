import type { Directory } from '../../directory/directory.js';
import type { ActionView } from '../../record/action-view.js';
import type { AnnouncementEvent } from '../channel.js';
import { escapeMrkdwn, mrkdwnDate } from './escape.js';
import type { OutgoingMessage } from './slack-api.js';

/** A line in the thread of an action's message; posted once per slot. */
export interface Reply {
  slot: string;
  message: OutgoingMessage;
}

export interface ReplyContext {
  directory: Directory;
  teamId: string;
  /** Of the announcement, which tells one reminder from the next. */
  number: number;
}

/** Slack shows many mentions badly, and the message itself names the groups. */
const MENTIONS = 15;
const GROUPS = 10;

/**
 * The thread lines that are due for a waiting action: one for each escalation that has fired, and for a reminder one
 * per announcement. A repeated announcement repeats nothing.
 */
export function dueReplies(event: AnnouncementEvent, view: ActionView, context: ReplyContext): Reply[] {
  const round = String(view.round);
  const open = view.quorum?.open ?? [];
  const waitsFor = open
    .slice(0, GROUPS)
    .map(({ group, places }) => `${String(places)} of ${escapeMrkdwn(group)}`)
    .join(' and ');
  const until = `It expires ${mrkdwnDate(view.expiresAtMs)}.`;
  const replies = view.escalated.map(({ group }) =>
    toReply(
      view,
      `escalation/${round}/${group}`,
      `Escalated to ${escapeMrkdwn(group)}: ${whoMayDecide([group], view, context)} may fill an open place now (${waitsFor}). ${until}`,
    ),
  );
  if (event === 'reminded') {
    const groups = [...open.map(({ group }) => group), ...view.escalated.map(({ group }) => group)];
    replies.push(
      toReply(
        view,
        `reminder/${round}/${String(context.number)}`,
        `Reminder: ${whoMayDecide(groups, view, context)}, this still waits for ${waitsFor}. ${until}`,
      ),
    );
  }
  return replies;
}

/** Mentions from the directory's verified mapping, never from anyone's text. */
function whoMayDecide(groups: readonly string[], view: ActionView, { directory, teamId }: ReplyContext): string {
  const excluded = new Set([
    ...view.barred.map(({ person }) => person),
    ...view.decisions.filter(({ current }) => current).map(({ person }) => person),
  ]);
  const people = [...new Set(groups.flatMap((group) => directory.membersOf(group)))].filter(
    (person) => !excluded.has(person),
  );
  const mentions = people
    .flatMap((person) => slackUserOf(person, directory, teamId) ?? [])
    .map((userId) => `<@${userId}>`);
  if (mentions.length === 0)
    return `members of ${groups.slice(0, GROUPS).map(escapeMrkdwn).join(', ')} (none of them has a Slack account in the directory)`;
  const more = mentions.length > MENTIONS ? ` and ${String(mentions.length - MENTIONS)} more` : '';
  return `${mentions.slice(0, MENTIONS).join(' ')}${more}`;
}

function slackUserOf(person: string, directory: Directory, teamId: string): string | undefined {
  const entries = directory.people().filter(({ id }) => directory.canonical(id) === person);
  return entries.find(({ slack }) => slack?.teamId === teamId)?.slack?.userId;
}

function toReply(view: ActionView, slot: string, mrkdwn: string): Reply {
  return {
    slot,
    message: {
      text: mrkdwn,
      blocks: [{ type: 'section', text: { type: 'mrkdwn', text: mrkdwn, verbatim: true } }],
      metadata: { event_type: 'countersign_reply', event_payload: { action_id: view.actionId, slot } },
    },
  };
}
