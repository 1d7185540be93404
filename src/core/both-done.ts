/** Waits for both even when one fails: nothing may still be under way when the caller cleans up. */
export async function bothDone<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}
