import { allDone } from '../core/all-done.js';

/**
 * Makes a pass that tells each channel of each thing once. A channel that was away is told again with the next pass, and holds
 * up no other.
 * @param read what there is to tell now, by a key that names the thing and how it stands; told in this order
 * @returns a pass, to be made again and again; it throws where a channel was away
 */
export function createTellOnce<C, T>(
  channels: readonly C[],
  read: () => Promise<ReadonlyMap<string, T>>,
  tell: (channel: C, thing: T) => Promise<void>,
): () => Promise<void> {
  const told = channels.map((channel) => ({ channel, known: new Set<string>() }));
  return async () => {
    const things = await read();
    await allDone(
      told.map(async ({ channel, known }) => {
        for (const key of known) if (!things.has(key)) known.delete(key);
        for (const [key, thing] of things) {
          if (known.has(key)) continue;
          await tell(channel, thing);
          known.add(key);
        }
      }),
    );
  };
}
