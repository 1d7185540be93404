import { z } from 'zod';
import { digestOf } from '../../core/json.js';
import { actionIdSchema } from '../../core/schemas/primitives.js';
import type { Policy } from '../../policy/policy.js';
import type { ActionView } from '../../record/action-view.js';
import type { OpenActions } from '../open-actions.js';
import type { PersonPrincipal } from './principals.js';
import { actionSummarySchema, toSummary } from './schemas.js';
import { concerns, judgeYou, youSchema, type Judging } from './you.js';

/** What waits for one person. */
export const queueSchema = z.object({
  revision: z.string().describe('Changes whenever the queue does.'),
  actions: z
    .array(actionSummarySchema.extend({ you: youSchema }))
    .describe('Open actions that wait for a group of yours, the nearest deadline first.'),
  unreadable: z.array(actionIdSchema).describe('Actions whose statements do not verify: the record was tampered with.'),
  truncated: z.boolean().describe('Whether there are more open actions than were looked at (500).'),
});
export type Queue = z.infer<typeof queueSchema>;

/** The open actions that concern a person, each with whether they may decide on it. */
export function queueOf({ views, unreadable, truncated }: OpenActions, who: PersonPrincipal, judging: Judging): Queue {
  const concerning = views.filter((view) => concerns(view, who, judging)).sort(byDeadline);
  const actions = concerning.map((view) => ({ ...toSummary(view), you: judgeYou(view, who, judging) }));
  const standings = concerning.map((view, index) => standingOf(view, actions[index]?.you.mayDecide ?? false));
  return { revision: revisionOf(standings, unreadable), actions, unreadable, truncated };
}

/** What of an action makes the queue another one for a person. */
type Standing = [actionId: string, revision: number, mayDecide: boolean];

function standingOf({ actionId, timeline }: ActionView, mayDecide: boolean): Standing {
  return [actionId, timeline.length, mayDecide];
}

function revisionOf(standings: readonly Standing[], unreadable: readonly string[]): string {
  return digestOf([standings, unreadable]).slice(0, 16);
}

function byDeadline(one: ActionView, other: ActionView): number {
  return one.expiresAtMs - other.expiresAtMs || (one.actionId < other.actionId ? -1 : 1);
}

/** Who is on call or away changes by the clock alone. */
const JUDGED_MS = 60_000;

interface Judged {
  revision: number;
  /** Null when the action does not concern the person. */
  standing: Standing | null;
}

/**
 * Names the queue of one person after another, as `queueOf` names it. Of each look a person's queue is named once, however
 * many streams they hold; and an action is judged again only when it has changed, policy has, or a minute has passed.
 */
export function createQueueRevisions(judging: Judging): (open: OpenActions, who: PersonPrincipal) => string {
  const named = new WeakMap<OpenActions, Map<string, string>>();
  const judged = new Map<string, Map<string, Judged>>();
  let under: { policy: Policy; sinceMs: number } | null = null;

  const judge = (view: ActionView, who: PersonPrincipal): Standing | null =>
    concerns(view, who, judging) ? standingOf(view, judgeYou(view, who, judging).mayDecide) : null;

  const nameQueue = ({ views, unreadable }: OpenActions, who: PersonPrincipal, person: string): string => {
    const before = judged.get(person);
    const now = new Map(
      [...views].sort(byDeadline).map((view): [string, Judged] => {
        const revision = view.timeline.length;
        const known = before?.get(view.actionId);
        return [view.actionId, known?.revision === revision ? known : { revision, standing: judge(view, who) }];
      }),
    );
    judged.set(person, now);
    return revisionOf(
      [...now.values()].flatMap(({ standing }) => (standing === null ? [] : [standing])),
      unreadable,
    );
  };

  return (open, who) => {
    const policy = judging.policy();
    const nowMs = judging.clock();
    if (under?.policy !== policy || nowMs - under.sinceMs >= JUDGED_MS) {
      judged.clear();
      under = { policy, sinceMs: nowMs };
    }
    const names = named.get(open) ?? new Map<string, string>();
    named.set(open, names);
    const person = policy.directory.canonical(who.person.id);
    const name = names.get(person) ?? nameQueue(open, who, person);
    names.set(person, name);
    return name;
  };
}
