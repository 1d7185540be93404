import type { RefObject } from 'react';
import type { Action } from '../api/types.js';
import { CopyButton } from '../parts/copy-button.js';
import { GlassMark } from '../parts/glass-mark.js';
import { Named } from '../parts/people.js';
import { SeverityMark } from '../parts/severity.js';
import { StateMark } from '../parts/state.js';
import { When } from '../parts/when.js';
import { Link, PATHS } from '../routing.js';

export function titleOf({ preview, request }: Action): string {
  return preview?.summary ?? `${request.operation} by ${request.agent}`;
}

interface HeadlineProps {
  action: Action;
  heading: RefObject<HTMLHeadingElement | null>;
}

/** What is asked, in one sentence, and by whom for whom. */
export function Headline({ action, heading }: HeadlineProps) {
  const { actionId, request, target, risk, round, provenance, breakGlass } = action;
  const prompters = provenance?.prompters ?? [];
  const schedulers = provenance?.schedulers ?? [];
  return (
    <header className="headline">
      <p className="marks">
        <StateMark action={action} />
        {action.preview === null ? null : <SeverityMark severity={risk} />}
        {target === null ? null : <span className="chip">{target.environment}</span>}
        <GlassMark glass={breakGlass} />
        {request.tainted === true ? <span className="chip chip-warn">read untrusted input</span> : null}
      </p>
      <h1 ref={heading} tabIndex={-1}>
        {titleOf(action)}
      </h1>
      <p className="lead">
        Agent <strong>{request.agent}</strong> {action.state === 'done' ? 'asked' : 'asks'}
        {prompters.length === 0 ? ', in nobody’s proven name' : <> for {<Named names={prompters} />}</>}, to run{' '}
        <code>{request.operation}</code>
        {target === null ? null : (
          <>
            {' '}
            on <strong>{target.name}</strong> ({target.kind}) in <strong>{target.environment}</strong>
          </>
        )}
        {schedulers.length === 0 ? null : (
          <>
            , scheduled by <Named names={schedulers} />
          </>
        )}
        .
      </p>
      <p className="small headline-facts">
        <span>
          Asked <When atMs={request.requestedAtMs} />
        </span>
        {request.replaces === undefined ? null : (
          <span>
            In the place of <Link to={PATHS.action(request.replaces)}>action {request.replaces}</Link>
          </span>
        )}
        {round > 1 ? <span>Round {round}</span> : null}
        <span className="with-button">
          <code>{actionId}</code>
          <CopyButton text={actionId} what="the action id" />
        </span>
      </p>
    </header>
  );
}
