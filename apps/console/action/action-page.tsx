import { useEffect, useRef } from 'react';
import { useLive } from '../api/live.js';
import type { Action } from '../api/types.js';
import { usePageTitle } from '../page-title.js';
import { TroubleNotice, Waiting } from '../parts/notice.js';
import { AgentLog } from './agent-log.js';
import { AgentWords } from './agent-words.js';
import { ChangedSince } from './changed-since.js';
import { Content } from './content.js';
import { Context } from './context.js';
import { DecisionPanel } from './decision-panel.js';
import { FlagList } from './flag-list.js';
import { FreezeAgent } from './freeze-agent.js';
import { GlassPart } from './glass.js';
import { Headline, titleOf } from './headline.js';
import { Incidents } from './incidents.js';
import { Leases } from './leases.js';
import { OutcomePart } from './outcome.js';
import { PolicyPart } from './policy-part.js';
import { Refusals } from './refusals.js';
import { Timeline } from './timeline.js';

/** One action: what is asked, by whom, why, what may happen, what has happened; and the decision. */
export function ActionPage({ actionId }: { actionId: string }) {
  const path = `/v1/actions/${actionId}`;
  const { value: action, trouble, reload } = useLive<Action>(path, `${path}/events`);
  usePageTitle(action === undefined ? 'Action' : titleOf(action));
  return (
    <>
      {trouble === null ? null : <TroubleNotice trouble={trouble} retry={() => void reload()} />}
      {action === undefined ? (
        trouble === null ? (
          <Waiting what="the action" />
        ) : null
      ) : (
        <ActionView action={action} reload={reload} />
      )}
    </>
  );
}

/** Of an action that is known. */
export function ActionView({ action, reload }: { action: Action; reload: () => Promise<Action | undefined> }) {
  const heading = useRef<HTMLHeadingElement>(null);
  // Who comes here by a link of the console begins at the top.
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
  }, [action.actionId]);
  return (
    <div className="action">
      <article className="action-body">
        <Headline action={action} heading={heading} />
        <GlassPart action={action} reload={reload} />
        <OutcomePart action={action} />
        <Incidents action={action} />
        <ChangedSince action={action} />
        <FlagList action={action} />
        <Content action={action} />
        <AgentWords action={action} />
        <AgentLog action={action} />
        <Context action={action} />
        <PolicyPart action={action} />
        <Leases action={action} />
        <Refusals action={action} />
        <FreezeAgent action={action} />
        <Timeline action={action} />
      </article>
      <DecisionPanel action={action} reload={reload} heading={heading} />
    </div>
  );
}
