import { Refusal } from '../core/errors.js';
import type { Directory } from '../directory/directory.js';

/**
 * The person, as a member of the bundle's group of those who let work go on.
 * @param person canonical
 * @param does what its people do, e.g. `clear alarms`
 * @throws Refusal `forbidden` where the bundle names no such group, `not_an_approver` for who is not in it.
 */
export function requireUnfreezeGroup(
  directory: Pick<Directory, 'unfreezeGroup' | 'groupsOf'>,
  person: string,
  does: string,
): { person: string; group: string } {
  const group = directory.unfreezeGroup();
  if (group === null) {
    throw new Refusal(
      'forbidden',
      `The policy bundle lets nobody ${does}: it must name a group (directory.yaml, unfreeze).`,
    );
  }
  if (directory.groupsOf(person).includes(group)) return { person, group };
  throw new Refusal('not_an_approver', `You are not in group ${group}, whose people ${does}.`);
}
