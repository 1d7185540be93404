import type { Action } from '../api/types.js';
import { CopyButton } from '../parts/copy-button.js';
import { Section, Untrusted } from '../parts/section.js';

/** Why, as the agent says; and where it says its run can be seen: text, never a link. */
export function AgentWords({ action: { request } }: { action: Action }) {
  return (
    <Section title="Why, in the agent’s words">
      <Untrusted whose="The agent’s own words">
        <p className="prose">{request.reason}</p>
      </Untrusted>
      {request.link === undefined ? null : (
        <Untrusted whose="The agent’s link to its run">
          <p className="with-button">
            <code>{request.link}</code>
            <CopyButton text={request.link} what="the agent’s link" />
          </p>
        </Untrusted>
      )}
    </Section>
  );
}
