/**
 * Waits for all, also when some fail: none holds up another, and nothing is still under way when the caller cleans up.
 * @throws what the first one in the list failed with.
 */
export async function allDone<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
