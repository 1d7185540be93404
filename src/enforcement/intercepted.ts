import { Refusal } from '../core/errors.js';
import { allOf, type AnyRecorded } from '../record/record.js';
import { LEASE_INTERCEPTED } from '../record/verify-statement.js';

/**
 * Whoever stole one token of an action may be there for the next: none is made. A process that was killed between the incident
 * and its refusal gives the same answer when it is asked again.
 * @throws Refusal `lease_intercepted`
 */
export function requireNotIntercepted(statements: readonly AnyRecorded[]): void {
  if (allOf(statements, 'incident').some(({ body }) => body.code === LEASE_INTERCEPTED)) throw intercepted();
}

/** Becomes a failure in Temporal's history, which holds no accessor and no user's name: those stand in the incident. */
export function intercepted(): Refusal {
  return new Refusal(
    LEASE_INTERCEPTED,
    "Somebody else unwrapped a Vault token of this action. It is being revoked, nothing ran with it here, and nothing more is leased. The action's incident tells where to look.",
  );
}
