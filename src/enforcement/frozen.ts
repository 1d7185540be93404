import { Refusal } from '../core/errors.js';
import type { Directory } from '../directory/directory.js';
import {
  describeScope,
  isCovered,
  openFreezes,
  personsFreezeOver,
  scopeOf,
  type FreezeSubject,
  type Lifters,
} from '../record/freezes.js';
import type { AnyRecorded, Recorded } from '../record/record.js';

type Asked = Pick<Directory, 'unfreezeGroup'> & Lifters;

/**
 * Lets nothing through that is frozen: its agent, its operation, or everything.
 * @param statements as `Record.freezesOf` reads them for `scopesOver(subject)`, just now.
 * @throws Refusal `frozen` by a person, `agent_frozen` by the executor, saying since when, why, and who can unfreeze it.
 */
export function requireNotFrozen(statements: readonly AnyRecorded[], subject: FreezeSubject, directory: Asked): void {
  const [first] = openFreezes(statements, (scope) => isCovered(subject, scope), directory);
  // What a person said tells more than what the executor found.
  const freeze = personsFreezeOver(statements, subject, directory) ?? first;
  if (freeze !== undefined) throw refusalOf(freeze, directory);
}

/** Why nothing under this freeze may run. */
export function refusalOf(freeze: Recorded<'freeze'>, directory: Pick<Directory, 'unfreezeGroup'>): Refusal {
  const { body, actionId } = freeze;
  const scope = scopeOf(body);
  const what = describeScope(scope);
  const group = directory.unfreezeGroup();
  const since = new Date(body.frozenAtMs).toISOString();
  if (body.because === 'person')
    return new Refusal(
      'frozen',
      short(
        `Frozen by ${body.by.person}: ${what}, since ${since}. ${group === null ? NOBODY : `Two people of group ${group} can lift it: countersign unfreeze.`} Reason: ${body.reason}`,
      ),
      scope.kind === 'all' ? null : scope.kind,
    );
  const who =
    group === null
      ? NOBODY
      : `Who is in group ${group}, and neither owns nor prompts it, can do that: countersign unfreeze.`;
  return new Refusal(
    'agent_frozen',
    `Agent ${body.agent} is frozen since ${since}: the effect of action ${actionId ?? ''} was not what had been declared. ` +
      `Nothing that it asks for runs until it is unfrozen. ${who}`,
    'agent',
  );
}

const NOBODY = 'The policy bundle lets nobody unfreeze: it must name a group (directory.yaml, unfreeze).';

// As long as a refusal on record may be.
function short(text: string): string {
  return text.slice(0, 1_000);
}
