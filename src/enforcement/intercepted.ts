import { Refusal } from '../core/errors.js';
import { allOf, type AnyRecorded } from '../record/record.js';
import { LEASE_INTERCEPTED } from '../record/verify-statement.js';

/**
 * Whoever stole one token of an action may be there for the next: none is made. A process that was killed between the incident
 * and its refusal gives the same answer when it is asked again.
 * @throws Refusal `lease_intercepted`
 */
export function requireNotIntercepted(statements: readonly AnyRecorded[]): void {
  const incident = allOf(statements, 'incident').find(({ body }) => body.code === LEASE_INTERCEPTED);
  if (incident !== undefined) throw new Refusal(LEASE_INTERCEPTED, incident.body.sentence);
}
