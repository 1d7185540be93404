import { allDone } from '../core/all-done.js';
import { ServiceFault } from '../core/errors.js';

/** How long what a channel refused for good rests: somebody may have opened the place again. */
export const REFUSED_REST_MS = 3_600_000;

/**
 * Makes a pass that tells each channel of each thing once. A channel that was away is told again with the next pass, and holds
 * up no other. What a channel refuses for good, such as a place that is archived, holds up nothing else there; it is tried again
 * after an hour.
 * @param read what there is to tell now, by a key that names the thing and how it stands; told in this order
 * @returns a pass, to be made again and again; it throws where a channel was away, or has just refused
 */
export function createTellOnce<C, T>(
  channels: readonly C[],
  read: () => Promise<ReadonlyMap<string, T>>,
  tell: (channel: C, thing: T) => Promise<void>,
  clock: () => number,
): () => Promise<void> {
  // Until when each thing is not told of: for ever once it was.
  const told = channels.map((channel) => ({ channel, quietUntilMs: new Map<string, number>() }));
  return async () => {
    const things = await read();
    await allDone(
      told.map(async ({ channel, quietUntilMs }) => {
        for (const key of quietUntilMs.keys()) if (!things.has(key)) quietUntilMs.delete(key);
        const refused: ServiceFault[] = [];
        for (const [key, thing] of things) {
          if (clock() < (quietUntilMs.get(key) ?? 0)) continue;
          try {
            await tell(channel, thing);
            quietUntilMs.set(key, Infinity);
          } catch (error) {
            if (!(error instanceof ServiceFault) || error.temporary) throw error;
            quietUntilMs.set(key, clock() + REFUSED_REST_MS);
            refused.push(error);
          }
        }
        if (refused[0] !== undefined) throw refused[0];
      }),
    );
  };
}
