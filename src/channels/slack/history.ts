import type { Directory } from '../../directory/directory.js';
import { DIRECT_PLACE } from '../../directory/places.js';
import type { ActionView } from '../../record/action-view.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import { headline } from '../message/end.js';
import { isDecidable } from '../message/layout.js';
import { glassNotes, mayReview } from '../message/glass.js';
import { decisionWord, personName } from '../message/parts.js';
import { escapeMrkdwn, mrkdwnDate } from './escape.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import { groupNames, mentionsAmong, mentionsOf } from './mentions.js';

/** A short line in the thread of an action's message. */
export interface HistoryLine {
  /** Posted once per slot. */
  slot: string;
  /** Escaped; asked for only when the line is posted. */
  words: () => Promise<string>;
  /** Also for the thread of a message to one person. The rest is for places where several read. */
  isForEach: boolean;
}

export interface HistoryContext {
  directory: Directory;
  teamId: string;
  /** Who is on call for a group. */
  onCall: Pick<OnCall, 'of'>;
  event: AnnouncementEvent;
  /** Of the announcement, which tells one reminder from the next. */
  number: number;
  /** Whether a reminder is due here, for those whom no digest reaches. */
  reminds: boolean;
}

/**
 * What has happened so far, one line each: asked, escalated, decided, ended; and a reminder per announcement of one.
 * People are mentioned where they are asked and where it escalates to them, once each; a reminder mentions nobody,
 * because whoever was mentioned follows the thread. A repeated announcement repeats nothing.
 */
export function dueLines(view: ActionView, context: HistoryContext): HistoryLine[] {
  // What policy let through alone has no history to tell.
  if ((view.plan?.stages.length ?? 0) === 0) return [];
  return [
    ...(isDecidable(view) ? askedLines(view, context) : []),
    ...decisionLines(view, context.directory),
    ...(isDecidable(view) && context.reminds ? [reminderLine(view, context)] : []),
    ...glassLines(view, context),
    ...endLines(view),
  ];
}

function askedLines(view: ActionView, context: HistoryContext): HistoryLine[] {
  const round = String(view.round);
  const until = `It expires ${mrkdwnDate(view.expiresAtMs)}.`;
  const groups = (view.plan?.stages ?? []).map(({ group }) => group);
  // Whoever is written to directly needs no second call.
  const isDirect = view.plan?.notify?.includes(DIRECT_PLACE) === true;
  const whom = async (asked: readonly string[]): Promise<string> =>
    isDirect ? `members of ${groupNames(asked)}` : mentionsOf(asked, view, context);
  const head = view.round === 1 ? 'Asked' : `Asked again, review ${round}`;
  return [
    line(`asked/${round}`, async () => `${head}: ${await whom(groups)}. It waits for ${waitsFor(view)}. ${until}`),
    ...view.escalated.map(({ group }) =>
      line(
        `escalation/${round}/${group}`,
        async () =>
          `Escalated to ${escapeMrkdwn(group)}: ${await whom([group])} may fill an open place now (${waitsFor(view)}). ${until}`,
      ),
    ),
  ];
}

function reminderLine(view: ActionView, { number }: HistoryContext): HistoryLine {
  const words = `Reminder: this still waits for ${waitsFor(view)}. It expires ${mrkdwnDate(view.expiresAtMs)}.`;
  return line(`reminder/${String(view.round)}/${String(number)}`, words);
}

function decisionLines(view: ActionView, directory: Directory): HistoryLine[] {
  return view.decisions
    .filter(({ current }) => current)
    .map((decision) => {
      const { person, channel, decidedAtMs } = decision;
      return line(
        `decision/${String(decidedAtMs)}/${person}`,
        `${decisionWord(decision)} by ${escapeMrkdwn(personName(directory, person))} in ${escapeMrkdwn(channel)}, ${mrkdwnDate(decidedAtMs)}.`,
      );
    });
}

/** A broken glass is told everywhere, and calls on those who review it. */
function glassLines(view: ActionView, context: HistoryContext): HistoryLine[] {
  const pen = { text: escapeMrkdwn, date: mrkdwnDate };
  return glassNotes(view, context, { directory: context.directory, pen }).map(({ slot, words, groups }) => ({
    slot,
    words: async () =>
      groups.length === 0
        ? words
        : `${words} ${await mentionsAmong(groups, (person) => mayReview(view, person), context)}`,
    isForEach: true,
  }));
}

function endLines(view: ActionView): HistoryLine[] {
  if (view.state !== 'done' || view.outcome === null) return [];
  const lease = view.lease === 'open' ? ' The end of its lease is not proven yet.' : '';
  const end = { ...line('end', `${escapeMrkdwn(headline(view))}.${lease}`), isForEach: true };
  return view.receipt?.closing === true ? [end, line('lease-end', 'The end of its lease is proven.')] : [end];
}

function waitsFor(view: ActionView): string {
  const open = view.quorum?.open ?? [];
  const shown = open.slice(0, GROUPS).map(({ group, places }) => `${String(places)} of ${escapeMrkdwn(group)}`);
  return shown.join(' and ');
}

const GROUPS = 10;

function line(slot: string, mrkdwn: string | (() => Promise<string>)): HistoryLine {
  return { slot, words: typeof mrkdwn === 'string' ? async () => mrkdwn : mrkdwn, isForEach: false };
}
