import { ServiceFault } from '../../core/errors.js';

/** Writes items in one transaction; answers one for each, in order. */
export type WriteAll<Item, Written> = (items: readonly Item[]) => Promise<Written[]>;

interface Caller<Item, Written> {
  items: readonly Item[];
  resolve: (written: Written[]) => void;
  reject: (error: unknown) => void;
}

/**
 * Lets calls that come while one is being written share the next transaction: one lock, one signature call, one commit.
 * Each call stays all or nothing; a call that cannot be written at all does not take the others with it.
 * @param maxItems the most that one transaction takes, beyond its first call.
 */
export function createGroupCommit<Item, Written>(
  writeAll: WriteAll<Item, Written>,
  maxItems: number,
): WriteAll<Item, Written> {
  const waiting: Caller<Item, Written>[] = [];
  let isWriting = false;

  const writeGroup = async (group: readonly Caller<Item, Written>[]): Promise<void> => {
    try {
      const written = await writeAll(group.flatMap((caller) => caller.items));
      let at = 0;
      for (const { items, resolve } of group) {
        resolve(written.slice(at, at + items.length));
        at += items.length;
      }
    } catch (error) {
      const isShared = group.length === 1 || (error instanceof ServiceFault && error.temporary);
      if (isShared) for (const caller of group) caller.reject(error);
      else for (const caller of group) await writeGroup([caller]);
    }
  };

  const writeWaiting = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) await writeGroup(takeGroup(waiting, maxItems));
    isWriting = false;
  };

  return (items) =>
    new Promise((resolve, reject) => {
      waiting.push({ items, resolve, reject });
      if (!isWriting) void writeWaiting();
    });
}

function takeGroup<Item, Written>(waiting: Caller<Item, Written>[], maxItems: number): Caller<Item, Written>[] {
  let count = 0;
  const end = waiting.findIndex(({ items }, index) => (count += items.length) > maxItems && index > 0);
  return waiting.splice(0, end === -1 ? waiting.length : end);
}
