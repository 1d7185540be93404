import type { Directory } from '../../directory/directory.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import type { ActionView } from '../../record/action-view.js';
import type { AnnouncementEvent } from '../../contracts/activities.js';
import { calledOn } from '../message/called-on.js';
import { isDecidable } from '../message/layout.js';
import { glassNotes, mayReview, type GlassNote } from '../message/glass.js';
import { waitsFor } from '../message/showings.js';
import { utcTime } from '../message/times.js';
import { line, makeCard, mentioning, run, type Mention } from './card.js';
import type { OutgoingMessage } from './teams-api.js';

/** A line in the thread of an action's message; posted once per slot. */
export interface Reply {
  slot: string;
  /** Asked for only when the line is posted. */
  message: () => Promise<OutgoingMessage>;
}

export interface ReplyContext {
  /** As it is now: whoever is away has given their place to another. */
  directory: Directory;
  /** Who is on call for a group. */
  onCall: Pick<OnCall, 'of'>;
  /** Tenants whose people are mentioned. */
  tenantIds: readonly string[];
  event: AnnouncementEvent;
  /** Of the announcement, which tells one reminder from the next. */
  number: number;
  /** Whether a line that reminds is due: somebody who is called on cannot be written to. */
  reminds: boolean;
}

/** More would be no help, and the message itself names the groups. */
const MENTIONS = 15;
const GROUPS = 10;

/**
 * The lines that are due for a waiting action: who is asked, one for each escalation that has fired, and one for a reminder that
 * cannot reach everybody by itself; and those about a broken glass. People are mentioned where they are asked and where it escalates to them, once each; a reminder
 * mentions nobody. A repeated announcement repeats nothing.
 */
export function dueReplies(view: ActionView, context: ReplyContext): Reply[] {
  if (!isDecidable(view)) return glassReplies(view, context);
  const round = String(view.round);
  const waiting = waitingWords(view);
  const asked = (view.plan?.stages ?? []).map(({ group }) => group);
  const head = view.round === 1 ? 'Asked' : `Asked again, review ${round}`;
  const isAble = (person: string): boolean => waitsFor(view, person, context.directory);
  const reply = (slot: string, words: string, groups: readonly string[]): Reply =>
    replyOf({ slot, words, groups }, isAble, context);
  const replies = [
    reply(`asked/${round}`, `${head}: members of ${namesOf(asked)}. ${waiting}`, asked),
    ...view.escalated.map(({ group }) => {
      const words = `Escalated to ${group}, whose members may fill an open place now. ${waiting}`;
      return reply(`escalation/${round}/${group}`, words, [group]);
    }),
  ];
  if (context.reminds) replies.push(reply(`reminder/${round}/${String(context.number)}`, `Reminder. ${waiting}`, []));
  return replies;
}

/** A broken glass calls on those who review it. */
function glassReplies(view: ActionView, context: ReplyContext): Reply[] {
  const pen = { text: (told: string) => told, date: utcTime };
  const notes = glassNotes(view, context, { directory: context.directory, pen });
  return notes.map((note) => replyOf(note, (person) => mayReview(view, person), context));
}

function replyOf(
  { slot, words, groups }: GlassNote,
  isAble: (person: string) => boolean,
  context: ReplyContext,
): Reply {
  return { slot, message: async () => messageOf(words, await mentionsOf(groups, isAble, context)) };
}

function waitingWords({ quorum, expiresAtMs }: ActionView): string {
  const open = (quorum?.open ?? []).slice(0, GROUPS).map(({ group, places }) => `${String(places)} of ${group}`);
  return `It waits for ${open.join(' and ')}, and expires ${utcTime(expiresAtMs)}.`;
}

function namesOf(groups: readonly string[]): string {
  const more = groups.length > GROUPS ? ` and ${String(groups.length - GROUPS)} more` : '';
  return `${groups.slice(0, GROUPS).join(', ')}${more}`;
}

/** By the directory's verified mapping, never from anyone's text; of a group only who is on call, where that is known. */
async function mentionsOf(
  groups: readonly string[],
  isAble: (person: string) => boolean,
  { directory, onCall, tenantIds }: ReplyContext,
): Promise<Mention[]> {
  const accountOf = (person: string): Mention | undefined => teamsAccountOf(person, directory, tenantIds);
  const people = await calledOn(groups, isAble, {
    directory,
    onCall,
    isReachable: (person) => accountOf(person) !== undefined,
  });
  return people.flatMap((person) => accountOf(person) ?? []).slice(0, MENTIONS);
}

/** A human's account in one of the tenants, of any of their entries. */
export function teamsAccountOf(
  person: string,
  directory: Directory,
  tenantIds: readonly string[],
): (Mention & { tenantId: string }) | undefined {
  for (const { id, name, teams } of directory.people()) {
    if (teams === undefined || !tenantIds.includes(teams.tenantId)) continue;
    // What would end the mention, or be read as Markdown beside it, is left out of its name.
    if (directory.canonical(id) === directory.canonical(person))
      return { ...teams, name: name.replace(/[^\p{L}\p{N} .'’-]/gu, '') };
  }
  return undefined;
}

function messageOf(words: string, mentions: readonly Mention[]): OutgoingMessage {
  return { summary: words, card: mentioning(mentions, makeCard([line(run(words))], [], words)) };
}
