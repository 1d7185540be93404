import { z } from 'zod';
import { ask } from './ask.js';
import type { OnCallSource } from './source.js';

const settingsSchema = z.strictObject({
  kind: z.literal('grafana'),
  /** Id of a schedule of Grafana OnCall (IRM), e.g. `SBM7DV7BKFUYU`. */
  schedule: z.string().regex(/^[A-Z0-9]{5,30}$/, 'must be the id of a Grafana OnCall schedule, e.g. SBM7DV7BKFUYU'),
});
type Settings = z.infer<typeof settingsSchema>;

const answerSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      user_email: z.string(),
      shift_start: z.iso.datetime({ offset: true }),
      shift_end: z.iso.datetime({ offset: true }),
    }),
  ),
});

const DAY_MS = 86_400_000;

/** A schedule of Grafana OnCall, by the e-mail of whoever is on call (HTTP API, `final_shifts`). */
export const onCallSource: OnCallSource<Settings> = {
  kind: 'grafana',
  schema: settingsSchema,
  async whoIsOnCall({ schedule }, { atMs, access }) {
    // The API takes dates only: a day on either side holds every shift that is running now.
    const query = new URLSearchParams({ start_date: dateOf(atMs - DAY_MS), end_date: dateOf(atMs + DAY_MS) });
    const { results } = await ask({
      service: 'Grafana OnCall',
      access: access.grafana,
      path: `/api/v1/schedules/${schedule}/final_shifts?${query.toString()}`,
      headers: (token) => ({ authorization: token, accept: 'application/json' }),
      schema: answerSchema,
    });
    return results
      .filter(({ shift_start, shift_end }) => Date.parse(shift_start) <= atMs && atMs < Date.parse(shift_end))
      .map(({ user_email }) => ({ email: user_email }));
  },
};

function dateOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
