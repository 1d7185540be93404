import { allOf, type AnyRecorded, type Recorded } from './record.js';

/**
 * Alarms that nobody cleared, oldest first. Each is cleared by a statement that names its digest.
 * @param statements as `Record.alarms` reads them.
 */
export function standingAlarms(statements: readonly AnyRecorded[]): Recorded<'alarm'>[] {
  const cleared = new Set(allOf(statements, 'clearance').map(({ body }) => body.alarm));
  return allOf(statements, 'alarm').filter(({ digest }) => !cleared.has(digest));
}
