import type { ActionSummary } from '../api/types.js';
import { GlassMark } from '../parts/glass-mark.js';
import { SeverityMark } from '../parts/severity.js';
import { StateMark } from '../parts/state.js';
import { Countdown, When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';

function titleOf({ preview, request }: ActionSummary): string {
  return preview?.summary ?? `${request.operation} by ${request.agent}`;
}

/** One action of a list: how grave, what is asked, by whom, where it stands. */
export function ActionRow({ action, note = null }: { action: ActionSummary; note?: string | null }) {
  const { actionId, request, target, risk, quorum, state } = action;
  const open = quorum?.open.map(({ group, places }) => `${places} of ${group}`).join(' and ') ?? '';
  return (
    <li className={`row row-${risk}`}>
      <p className="marks">
        <StateMark action={action} />
        {action.preview === null ? null : <SeverityMark severity={risk} />}
        {target === null ? null : <span className="chip">{target.environment}</span>}
        <GlassMark glass={action.breakGlass} />
      </p>
      <h2>
        <Link to={PATHS.action(actionId)}>{titleOf(action)}</Link>
      </h2>
      <p className="row-reason">{request.reason}</p>
      {note === null ? null : <p className="small">{note}</p>}
      <p className="small row-facts">
        <span>
          {request.agent} · {request.operation}
          {target === null ? '' : ` · ${target.name}`}
        </span>
        <span>
          asked <When atMs={request.requestedAtMs} brief />
        </span>
        {state === 'waiting' ? (
          <span>
            waits for {open} · expires in <Countdown atMs={action.expiresAtMs} over="a moment" />
          </span>
        ) : null}
      </p>
    </li>
  );
}
