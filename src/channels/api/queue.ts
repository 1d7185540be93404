import { z } from 'zod';
import { digestOf } from '../../core/json.js';
import { actionIdSchema } from '../../core/schemas/primitives.js';
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
  const concerning = views
    .filter((view) => concerns(view, who, judging))
    .sort((one, other) => one.expiresAtMs - other.expiresAtMs || (one.actionId < other.actionId ? -1 : 1));
  const actions = concerning.map((view) => ({ ...toSummary(view), you: judgeYou(view, who, judging) }));
  const standing = concerning.map(({ actionId, timeline }, index) => [
    actionId,
    timeline.length,
    actions[index]?.you.mayDecide ?? false,
  ]);
  return { revision: digestOf([standing, unreadable]).slice(0, 16), actions, unreadable, truncated };
}
