import { anotherExport } from '../support/another-export.js';
import { until } from '../support/until.js';
import type { Stack } from '../support/stack.js';
import { tracesOf } from './traces.js';

/** Computes for minutes and yields a row every few milliseconds. Its plan is one approval by a DBA. */
export const LONG_EXPORT = {
  operation: 'database.export',
  get params() {
    return {
      target: 'orders',
      query:
        'select a.id, d.id as other, (select count(*) from orders b, orders c where b.id + c.id < a.id + d.id) as pairs from orders a, orders d where a.id > 0',
      format: 'csv',
      ...anotherExport(),
    };
  },
  reason: 'A long one',
};

/** Until the effect is on record and the leased user's session is at work. */
export async function untilExporting(stack: Stack, actionId: string): Promise<void> {
  await until(async () => {
    const { effects, sessions } = await tracesOf(stack, actionId);
    return effects === 1 && sessions > 0;
  });
}
