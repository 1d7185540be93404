import type { Directory } from '../../directory/directory.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import type { ActionView } from '../../record/action-view.js';
import { calledOn as calledOnAmong } from '../message/called-on.js';
import { escapeMrkdwn } from './escape.js';

/** Slack shows many mentions badly, and the message itself names the groups. */
const MENTIONS = 15;
const GROUPS = 10;

/** A human's user id in the workspace, of any of their entries. */
export function slackUserOf(person: string, directory: Directory, teamId: string): string | undefined {
  const entries = directory.people().filter(({ id }) => directory.canonical(id) === directory.canonical(person));
  return entries.find(({ slack }) => slack?.teamId === teamId)?.slack?.userId;
}

/** What tells who is asked first. */
interface Callers {
  directory: Directory;
  teamId: string;
  onCall: Pick<OnCall, 'of'>;
}

/**
 * Whom to call on: of each group who is on call, where that is known and any of these has an account; else all who are able.
 * @param isAble whether a member can help at all.
 */
async function calledOn(
  groups: readonly string[],
  isAble: (person: string) => boolean,
  { directory, teamId, onCall }: Callers,
): Promise<string[]> {
  const isReachable = (person: string): boolean => slackUserOf(person, directory, teamId) !== undefined;
  return calledOnAmong(groups, isAble, { directory, onCall, isReachable });
}

/**
 * Mentions of those in the groups who may decide and have not, and of them who is on call where that is known: from the directory's verified mapping, never from anyone's
 * text, and never of a whole channel. For `mrkdwn`.
 */
export async function mentionsOf(groups: readonly string[], view: ActionView, callers: Callers): Promise<string> {
  const excluded = new Set([
    ...view.barred.map(({ person }) => person),
    ...view.decisions.filter(({ current }) => current).map(({ person }) => person),
  ]);
  return mentionsAmong(groups, (person) => !excluded.has(person), callers);
}

/** The same of those in the groups who are able. */
export async function mentionsAmong(
  groups: readonly string[],
  isAble: (person: string) => boolean,
  callers: Callers,
): Promise<string> {
  const { directory, teamId } = callers;
  const asked = await calledOn(groups, isAble, callers);
  const mentions = asked
    .flatMap((person) => slackUserOf(person, directory, teamId) ?? [])
    .filter((userId) => /^[UW][A-Z0-9]{1,31}$/.test(userId))
    .map((userId) => `<@${userId}>`);
  if (mentions.length === 0)
    return `members of ${groupNames(groups)} (none of them has a Slack account in the directory)`;
  const more = mentions.length > MENTIONS ? ` and ${String(mentions.length - MENTIONS)} more` : '';
  return `${mentions.slice(0, MENTIONS).join(' ')}${more}`;
}

/** For `mrkdwn`. */
export function groupNames(groups: readonly string[]): string {
  const more = groups.length > GROUPS ? ` and ${String(groups.length - GROUPS)} more` : '';
  return `${groups.slice(0, GROUPS).map(escapeMrkdwn).join(', ')}${more}`;
}
