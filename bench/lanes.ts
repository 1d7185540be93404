/**
 * Works through items, `lanes` at a time. The first failure ends it; what is under way then is waited for, so that
 * nothing runs on beside the clean-up.
 */
export async function inLanes<T>(lanes: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    while (rest.length > 0) {
      try {
        await work(rest.shift() as T);
      } catch (error) {
        rest.length = 0;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(lanes, items.length) }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
