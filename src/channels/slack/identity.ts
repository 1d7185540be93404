import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import type { Directory, Person } from '../../directory/directory.js';
import type { SlackUser } from './interaction.js';
import type { SlackApi } from './slack-api.js';

/**
 * The directory's person for a Slack user, by exact workspace and user id.
 * @throws Refusal `person_unknown` when the directory maps nobody to it.
 */
export function personOf(user: SlackUser, directory: Directory): Person {
  const person = directory.personBySlack(user.teamId, user.userId);
  if (person === undefined) {
    throw new Refusal(
      'person_unknown',
      'Your Slack account is not in the Countersign directory. Ask its keepers to add it to your entry.',
    );
  }
  return person;
}

/**
 * Asks Slack, now, whether the user is a full, active member of the workspace.
 * @throws Refusal `person_unknown` for guests, people of other workspaces, bots and deactivated accounts.
 * @throws SlackFault when Slack did not answer: a failed look-up means no.
 */
export async function checkMember(user: SlackUser, api: SlackApi): Promise<void> {
  const answer = userInfoSchema.safeParse(await api.userInfo(user));
  const info = answer.success ? answer.data.user : undefined;
  if (info?.id !== user.userId || info.team_id !== user.teamId) {
    throw new Refusal(
      'person_unknown',
      'Slack does not show your account as a full, active member of this workspace. Guests, bots and people of other workspaces cannot decide.',
    );
  }
}

// Each flag must be there and false: what Slack leaves out (as it does for deactivated accounts) is not a yes.
const userInfoSchema = z.looseObject({
  user: z.looseObject({
    id: z.string(),
    team_id: z.string(),
    deleted: z.literal(false),
    is_bot: z.literal(false),
    is_restricted: z.literal(false),
    is_ultra_restricted: z.literal(false),
    is_stranger: z.literal(false).optional(),
    is_workflow_bot: z.literal(false).optional(),
    is_invited_user: z.literal(false).optional(),
  }),
});
