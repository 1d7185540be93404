import { z } from 'zod';
import { ServiceFault } from '../../core/errors.js';
import { ask } from './ask.js';
import type { OnCallSource } from './source.js';

const settingsSchema = z.strictObject({
  kind: z.literal('slack-usergroup'),
  teamId: z.string().regex(/^T[A-Z0-9]{1,31}$/, 'must be the id of a Slack workspace, e.g. T0123ABCDEF'),
  /** Id of a user group, which a rota tool keeps. */
  usergroup: z.string().regex(/^S[A-Z0-9]{1,31}$/, 'must be the id of a Slack user group, e.g. S0123ABCDEF'),
});
type Settings = z.infer<typeof settingsSchema>;

const answerSchema = z.union([
  z.looseObject({ ok: z.literal(true), users: z.array(z.string()) }),
  z.looseObject({ ok: z.literal(false), error: z.string().max(100) }),
]);

/** A Slack user group, by the users in it (`usergroups.users.list`, scope `usergroups:read`). */
export const onCallSource: OnCallSource<Settings> = {
  kind: 'slack-usergroup',
  schema: settingsSchema,
  async whoIsOnCall({ teamId, usergroup }, { access }) {
    const query = new URLSearchParams({ usergroup, team_id: teamId });
    const answer = await ask({
      service: 'Slack',
      access: access.slack,
      path: `/usergroups.users.list?${query.toString()}`,
      headers: (token) => ({ authorization: `Bearer ${token}` }),
      schema: answerSchema,
    });
    if (!answer.ok) throw new ServiceFault('on-call', 'Slack does not show this user group.', true);
    return answer.users.map((userId) => ({ slack: { teamId, userId } }));
  },
};
