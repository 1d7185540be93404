import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import type { Directory, Person } from '../../directory/directory.js';
import type { TeamsUser } from './activity.js';
import { TeamsFault, type Place, type TeamsApi } from './teams-api.js';

/**
 * The directory's person for a Teams account, by exact tenant and Entra object id.
 * @throws Refusal `person_unknown` when the directory maps nobody to it.
 */
export function personOf({ tenantId, aadObjectId }: TeamsUser, directory: Directory): Person {
  const person = directory.personByTeams(tenantId, aadObjectId);
  if (person === undefined) {
    throw new Refusal(
      'person_unknown',
      'Your Teams account is not in the Countersign directory. Ask its keepers to add it to your entry.',
    );
  }
  return person;
}

/**
 * Asks Teams, now, whether the account is a member of the conversation and of the tenant itself.
 * @throws Refusal `person_unknown` for guests, people of other tenants and who is no member (any more).
 * @throws TeamsFault when Teams did not answer: a failed look-up means no.
 */
export async function checkMember(user: TeamsUser, place: Place, api: TeamsApi): Promise<void> {
  const answer = memberSchema.safeParse(
    await api.member(place, user.id).catch((error: unknown) => {
      // Who has left: Teams was asked, and knows no such member.
      if (error instanceof TeamsFault && error.teamsCode === 'MemberNotFoundInConversation') return undefined;
      throw error;
    }),
  );
  const member = answer.success ? answer.data : undefined;
  if (
    member?.id !== user.id ||
    member.aadObjectId !== user.aadObjectId ||
    (member.tenantId ?? user.tenantId) !== user.tenantId
  ) {
    throw new Refusal(
      'person_unknown',
      'Teams does not show your account as a full member of this organisation. Guests and people of other organisations cannot decide.',
    );
  }
}

const guidSchema = z.guid().toLowerCase();

// The role must be there and be that of a member: what Teams leaves out is not a yes. Guests are `guest`, bots `skill`.
const memberSchema = z
  .looseObject({
    id: z.string(),
    aadObjectId: guidSchema.optional(),
    objectId: guidSchema.optional(),
    tenantId: guidSchema.optional(),
    userRole: z.literal('user'),
  })
  .transform(({ id, aadObjectId, objectId, tenantId }) => ({ id, aadObjectId: aadObjectId ?? objectId, tenantId }));
