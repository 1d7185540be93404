import { allOf, type AnyRecorded, type Recorded } from './record.js';

/** Freezes of an agent that nobody has lifted, oldest first. Each is lifted by an `unfreeze` that names its digest. */
export function openFreezes(statements: readonly AnyRecorded[], agent: string): Recorded<'freeze'>[] {
  return allOf(statements, 'freeze').filter(
    (freeze) => freeze.body.agent === agent && liftOf(freeze, statements) === undefined,
  );
}

/** What lifted a freeze: a statement under the same action, about the same agent. */
export function liftOf(
  { digest, actionId, body }: Recorded<'freeze'>,
  statements: readonly AnyRecorded[],
): Recorded<'unfreeze'> | undefined {
  return allOf(statements, 'unfreeze').find(
    (lift) => lift.body.freeze === digest && lift.actionId === actionId && lift.body.agent === body.agent,
  );
}
