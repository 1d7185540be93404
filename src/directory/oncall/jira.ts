import { z } from 'zod';
import { ask } from './ask.js';
import type { OnCallSource } from './source.js';

const settingsSchema = z.strictObject({
  kind: z.literal('jira'),
  /** Id of a schedule of Jira Service Management's operations. */
  schedule: z.uuid('must be the id of a schedule of Jira Service Management, a UUID'),
});
type Settings = z.infer<typeof settingsSchema>;

interface Participant {
  type: string;
  id?: string | undefined;
  onCallParticipants?: Participant[] | undefined;
}

const participantSchema: z.ZodType<Participant> = z.looseObject({
  type: z.string(),
  id: z.string().max(200).optional(),
  get onCallParticipants() {
    return z.array(participantSchema).max(200).optional();
  },
});
const answerSchema = z.looseObject({ onCallParticipants: z.array(participantSchema).max(200) });

/**
 * A schedule of Jira Service Management, the successor of Opsgenie, by the Atlassian account id of whoever is on call
 * (https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v2/api-group-schedule-on-calls/). Of an escalation its
 * people count; a team is no person, and who is in it is not said here.
 */
export const onCallSource: OnCallSource<Settings> = {
  kind: 'jira',
  schema: settingsSchema,
  async whoIsOnCall({ schedule }, { access }) {
    const { onCallParticipants } = await ask({
      service: 'Jira Service Management',
      access: access.jira,
      path: `/v1/schedules/${schedule}/on-calls?flat=false`,
      // An account's e-mail address and API token, as Atlassian's basic authentication takes them.
      headers: (login) => ({
        authorization: `Basic ${Buffer.from(login, 'utf8').toString('base64')}`,
        accept: 'application/json',
      }),
      schema: answerSchema,
    });
    return accountsOf(onCallParticipants).map((atlassianAccountId) => ({ atlassianAccountId }));
  },
};

function accountsOf(participants: readonly Participant[]): string[] {
  return participants.flatMap(({ type, id, onCallParticipants = [] }) => [
    ...(type === 'user' && id !== undefined ? [id] : []),
    ...accountsOf(onCallParticipants),
  ]);
}
