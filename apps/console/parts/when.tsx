import { useNow } from '../time/clock.js';
import { absolute, clockTime, relative, span } from '../time/words.js';

/** An instant: how long ago or until, and when by the reader's clock. In UTC on hovering. */
export function When({ atMs, brief = false }: { atMs: number; brief?: boolean }) {
  const now = useNow();
  return (
    <time
      className="when"
      dateTime={new Date(atMs).toISOString()}
      title={`${absolute(atMs)} · ${new Date(atMs).toISOString()}`}
    >
      {relative(atMs, now)}
      {brief ? null : <span className="when-clock"> · {clockTime(atMs, now)}</span>}
    </time>
  );
}

/** What is left until something happens; nothing moves but the digits. */
export function Countdown({ atMs, over }: { atMs: number; over: string }) {
  const now = useNow();
  return (
    <time
      className="countdown"
      dateTime={new Date(atMs).toISOString()}
      title={`${absolute(atMs)} · ${new Date(atMs).toISOString()}`}
    >
      <span className="countdown-left">{atMs > now ? span(atMs - now) : over}</span>
      <span className="when-clock">{clockTime(atMs, now)}</span>
    </time>
  );
}
