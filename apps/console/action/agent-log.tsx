import { useCallback, useState } from 'react';
import { describeRedactions } from '../../../src/core/redact.js';
import { callText, Trouble } from '../api/http.js';
import type { Action } from '../api/types.js';
import { CodeBox } from '../parts/code-box.js';
import { TroubleNotice, Waiting } from '../parts/notice.js';
import { Section, Untrusted } from '../parts/section.js';

type Log = { text: string } | { trouble: Trouble } | null;

/** The agent's log, fetched when somebody opens it. Its secrets were replaced before it was kept. */
export function AgentLog({ action: { actionId, logs } }: { action: Action }) {
  const [log, setLog] = useState<Log>(null);
  const fetchLog = useCallback(async () => {
    setLog(null);
    try {
      setLog({ text: await callText(`/v1/actions/${actionId}/logs`) });
    } catch (error) {
      setLog({ trouble: error instanceof Trouble ? error : new Trouble(0, 'internal', 'The log cannot be read.') });
    }
  }, [actionId]);
  if (logs === null) return null;
  if (logs.stored === null)
    return (
      <Section title="The agent’s log">
        <p>The agent named a log but did not send it.</p>
      </Section>
    );
  const { bytes, redactions } = logs.stored;
  const left = describeRedactions(redactions);
  return (
    <Section title="The agent’s log">
      <details
        className="fold"
        onToggle={({ currentTarget }) => {
          if (currentTarget.open && log === null) void fetchLog();
        }}
      >
        <summary>Show the log ({bytes.toLocaleString('en')} bytes)</summary>
        <LogText log={log} retry={() => void fetchLog()} />
      </details>
      {left === null ? null : <p className="small">{left}</p>}
    </Section>
  );
}

function LogText({ log, retry }: { log: Log; retry: () => void }) {
  if (log === null) return <Waiting what="the log" />;
  if ('trouble' in log) return <TroubleNotice trouble={log.trouble} retry={retry} />;
  return (
    <Untrusted whose="The agent’s own log">
      <CodeBox label="The agent’s log" text={log.text} />
    </Untrusted>
  );
}
