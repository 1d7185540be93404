import type { Directory } from '../../directory/directory.js';
import type { OnCall } from '../../directory/oncall/on-call.js';
import type { ActionView } from '../../record/action-view.js';

/** What tells who is asked first. */
interface Callers {
  /** As it is now: whoever is away has given their place to another. */
  directory: Directory;
  onCall: Pick<OnCall, 'of'>;
  /** Whether the channel knows how to call on a person. */
  isReachable: (person: string) => boolean;
}

/** The directory as it is for this action: whoever is away has given their place to another. */
export function presentFor({ barred }: Pick<ActionView, 'barred'>, directory: Directory, nowMs: number): Directory {
  return directory.at(
    nowMs,
    barred.map(({ person }) => person),
  );
}

/**
 * Whom to call on: of each group who is on call, where that is known and any of these can be reached; else all who are able.
 * @param isAble whether a member can help at all.
 * @returns canonical people, each once.
 */
export async function calledOn(
  groups: readonly string[],
  isAble: (person: string) => boolean,
  { directory, onCall, isReachable }: Callers,
): Promise<string[]> {
  const asked: string[] = [];
  for (const group of groups) {
    const able = directory.membersOf(group).filter(isAble);
    const now = (await onCall.of(group)).people.filter((person) => able.includes(person));
    asked.push(...(now.some(isReachable) ? now : able));
  }
  return [...new Set(asked)];
}
