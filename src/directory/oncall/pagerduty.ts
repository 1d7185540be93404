import { z } from 'zod';
import { ask } from './ask.js';
import type { OnCallSource } from './source.js';

const settingsSchema = z.strictObject({
  kind: z.literal('pagerduty'),
  /** Id of a schedule, e.g. `PI7DH85`. */
  schedule: z.string().regex(/^[A-Z0-9]{5,20}$/, 'must be the id of a PagerDuty schedule, e.g. PI7DH85'),
});
type Settings = z.infer<typeof settingsSchema>;

const answerSchema = z.looseObject({
  oncalls: z.array(z.looseObject({ user: z.looseObject({ email: z.string().optional() }) })),
});

/** A PagerDuty schedule, by the e-mail of whoever is on call (REST API v2, `GET /oncalls`). */
export const onCallSource: OnCallSource<Settings> = {
  kind: 'pagerduty',
  schema: settingsSchema,
  async whoIsOnCall({ schedule }, { access }) {
    const query = new URLSearchParams([
      ['schedule_ids[]', schedule],
      ['include[]', 'users'],
    ]);
    const { oncalls } = await ask({
      service: 'PagerDuty',
      access: access.pagerduty,
      path: `/oncalls?${query.toString()}`,
      headers: (token) => ({
        authorization: `Token token=${token}`,
        accept: 'application/vnd.pagerduty+json;version=2',
      }),
      schema: answerSchema,
    });
    return oncalls.flatMap(({ user: { email } }) => (email === undefined ? [] : [{ email }]));
  },
};
