/** How long an answer is remembered: longer than Teams sends a request again. */
const MEMORY_MS = 10 * 60 * 1000;
/** Only the connector can fill it. */
const MOST = 1_000;

/** Answers to clicks that were received before. */
export interface Answers<Answer> {
  /**
   * Does the work once per event: the same event again is given the same answer.
   * @returns null when the event's id came before with another body.
   */
  once(eventId: string, digest: string, work: () => Promise<Answer>): Promise<Answer> | null;
}

/** Of one process; another one gives the same answer, as the decision is known by its event. */
export function createAnswers<Answer>(clock: () => number): Answers<Answer> {
  // Insertion order is order of time, so the oldest are always first.
  const known = new Map<string, { digest: string; answer: Promise<Answer>; atMs: number }>();
  return {
    once(eventId, digest, work) {
      const nowMs = clock();
      for (const [old, { atMs }] of known) {
        if (nowMs - atMs <= MEMORY_MS && known.size < MOST) break;
        known.delete(old);
      }
      const earlier = known.get(eventId);
      if (earlier !== undefined) return earlier.digest === digest ? earlier.answer : null;
      const answer = work();
      known.set(eventId, { digest, answer, atMs: nowMs });
      // What failed may be tried again.
      answer.catch(() => known.delete(eventId));
      return answer;
    },
  };
}
