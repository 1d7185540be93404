import type { Action } from '../api/types.js';
import { Section } from '../parts/section.js';
import { Countdown, When } from '../parts/when.js';
import { pastEvents, type PastEvent } from './past-events.js';
import { upcomingEvents } from './upcoming-events.js';

/** What is to come, with clocks, and what has happened, the newest first; each entry is a signed statement. */
export function Timeline({ action }: { action: Action }) {
  const upcoming = upcomingEvents(action);
  const past = pastEvents(action).reverse();
  return (
    <Section title="Time line">
      <ol className="timeline">
        {upcoming.reverse().map(({ atMs, sentence }) => (
          <li key={sentence} className="event event-upcoming">
            <p>{sentence}</p>
            <p className="small">
              in <Countdown atMs={atMs} over="a moment" />
            </p>
          </li>
        ))}
        {past.map((event) => (
          <Entry key={event.digest} event={event} />
        ))}
      </ol>
    </Section>
  );
}

function Entry({ event: { atMs, kind, sentence, words, tone, signedBy, digest } }: { event: PastEvent }) {
  return (
    <li className={`event event-${tone}`}>
      <p>{sentence}</p>
      {words === '' ? null : <blockquote className="prose">{words}</blockquote>}
      <p className="small">
        <When atMs={atMs} /> · {kind}, signed by {signedBy}, <code>{digest.slice(0, 12)}…</code>
      </p>
    </li>
  );
}
