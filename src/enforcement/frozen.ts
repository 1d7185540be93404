import { Refusal } from '../core/errors.js';
import type { Directory } from '../directory/directory.js';
import { openFreezes } from '../record/freezes.js';
import type { AnyRecorded } from '../record/record.js';

/**
 * Lets nothing of a frozen agent through.
 * @param statements as `Record.freezesOf` reads them, just now.
 * @throws Refusal `agent_frozen` saying since when, why, and who can unfreeze it.
 */
export function requireNotFrozen(
  statements: readonly AnyRecorded[],
  agent: string,
  directory: Pick<Directory, 'unfreezeGroup'>,
): void {
  const [freeze] = openFreezes(statements, agent);
  if (freeze === undefined) return;
  const since = new Date(freeze.body.frozenAtMs).toISOString();
  throw new Refusal(
    'agent_frozen',
    `Agent ${agent} is frozen since ${since}: the effect of action ${freeze.actionId ?? ''} was not what had been declared. ` +
      `Nothing that it asks for runs until it is unfrozen. ${whoUnfreezes(directory.unfreezeGroup())}`,
    'agent',
  );
}

function whoUnfreezes(group: string | null): string {
  if (group === null)
    return 'The policy bundle lets nobody unfreeze agents: it must name a group (directory.yaml, unfreeze).';
  return `Who is in group ${group}, and neither owns nor prompts it, can do that: countersign unfreeze.`;
}
