import { z } from 'zod';
import { Refusal } from '../../core/errors.js';
import type { Directory, Person } from '../../directory/directory.js';
import type { SlackUser } from './interaction.js';
import type { SlackApi } from './slack-api.js';

export interface IdentityOptions {
  api: Pick<SlackApi, 'userInfo'>;
  directory: () => Directory;
  /** Domains, in lower case, whose addresses count as a second way to a person. None: the exact mapping only. */
  emailDomains: readonly string[];
}

/**
 * The directory's person for a Slack user: by exact workspace and user id; else, where domains are allow-listed, by the
 * address that Slack confirmed. Whether they are still active is not asked for a mapped user: `memberOf` does.
 * @throws Refusal `person_unknown`; SlackFault when Slack did not answer.
 */
export async function personOf(user: SlackUser, options: IdentityOptions): Promise<Person> {
  const mapped = options.directory().personBySlack(user.teamId, user.userId);
  if (mapped !== undefined) return mapped;
  if (options.emailDomains.length === 0) throw unknownPerson();
  return personByEmail(await lookUp(user, options.api), user, options);
}

/**
 * The same, after asking Slack, now, whether the user is a full, active member of the workspace.
 * @throws Refusal `person_unknown` also for guests, people of other workspaces, bots and deactivated accounts.
 * @throws SlackFault when Slack did not answer: a failed look-up means no.
 */
export async function memberOf(user: SlackUser, options: IdentityOptions): Promise<Person> {
  const mapped = options.directory().personBySlack(user.teamId, user.userId);
  if (mapped === undefined && options.emailDomains.length === 0) throw unknownPerson();
  const member = await lookUp(user, options.api);
  return mapped ?? personByEmail(member, user, options);
}

type Member = z.infer<typeof userInfoSchema>['user'];

async function lookUp(user: SlackUser, api: Pick<SlackApi, 'userInfo'>): Promise<Member> {
  const answer = userInfoSchema.safeParse(await api.userInfo(user));
  const member = answer.success ? answer.data.user : undefined;
  if (member?.id !== user.userId || member.team_id !== user.teamId) {
    throw new Refusal(
      'person_unknown',
      'Slack does not show your account as a full, active member of this workspace. Guests, bots and people of other workspaces cannot decide.',
    );
  }
  return member;
}

/** Nobody whom the directory maps to another account of this workspace: the exact mapping stands. */
function personByEmail(member: Member, { teamId }: SlackUser, { directory, emailDomains }: IdentityOptions): Person {
  const email = plainAddress(member.profile?.email);
  if (email === null || member.is_email_confirmed !== true || !emailDomains.includes(email.split('@')[1] ?? ''))
    throw unknownPerson();
  const [person, ...more] = directory()
    .people()
    .filter((entry) => plainAddress(entry.email) === email);
  if (person === undefined || more.length > 0 || person.slack?.teamId === teamId) throw unknownPerson();
  return person;
}

/** An address for comparison: upper and lower case of ASCII letters are the same, and there is nothing but ASCII. */
function plainAddress(address: string | undefined): string | null {
  return address !== undefined && /^[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]+$/.test(address) ? address.toLowerCase() : null;
}

function unknownPerson(): Refusal {
  return new Refusal(
    'person_unknown',
    'Your Slack account is not in the Countersign directory. Ask its keepers to add it to your entry.',
  );
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
    is_email_confirmed: z.boolean().optional().catch(undefined),
    profile: z.looseObject({ email: z.string().max(320).optional().catch(undefined) }).optional(),
  }),
});
