import { useState } from 'react';
import { callJson, Trouble } from '../api/http.js';
import { useSession } from '../api/session.js';
import type { Action, Freeze } from '../api/types.js';
import { Notice } from '../parts/notice.js';
import { Section } from '../parts/section.js';
import { ReasonField } from './reason-field.js';

interface Told {
  tone: 'good' | 'calm' | 'warn';
  sentence: string;
}

/** Stops all that the action's agent asks for, with a reason: for every approver. The gateway says who is none. */
export function FreezeAgent({ action: { request } }: { action: Action }) {
  const { agent } = request;
  const [isOpen, setOpen] = useState(false);
  const { told, setTold, isSending, isOver, freeze } = useFreeze(agent);
  return (
    <Section title="Stop this agent">
      {told === null ? null : <Notice tone={told.tone}>{told.sentence}</Notice>}
      {isOpen ? (
        <FreezeForm
          agent={agent}
          isOff={isSending || isOver}
          freeze={(reason) => {
            void freeze(reason).then((isFrozen) => {
              if (isFrozen) setOpen(false);
            });
          }}
          back={() => {
            setOpen(false);
          }}
        />
      ) : (
        <button
          type="button"
          onClick={() => {
            setTold(null);
            setOpen(true);
          }}
        >
          Freeze this agent…
        </button>
      )}
    </Section>
  );
}

interface FreezeFormProps {
  agent: string;
  isOff: boolean;
  freeze: (reason: string) => void;
  back: () => void;
}

function FreezeForm({ agent, isOff, freeze, back }: FreezeFormProps) {
  const [reason, setReason] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        freeze(reason.trim());
      }}
    >
      <p>
        All that <strong>{agent}</strong> asks for is refused, what is open is denied, and what runs is stopped, at
        once. Two people must lift it.
      </p>
      <ReasonField rows={2} isRequired label="Why it must stop" reason={reason} change={setReason} />
      <div className="verdicts">
        <button type="button" onClick={back}>
          Back
        </button>
        <button type="submit" className="deny" disabled={isOff || reason.trim() === ''}>
          Freeze {agent}
        </button>
      </div>
    </form>
  );
}

/** Sends it. `freeze` resolves to whether the agent is frozen. */
function useFreeze(agent: string) {
  const { session, over, isOver } = useSession();
  const [isSending, setSending] = useState(false);
  const [told, setTold] = useState<Told | null>(null);
  const freeze = async (reason: string): Promise<boolean> => {
    setSending(true);
    try {
      const body = { scope: { kind: 'agent', agent }, reason };
      const headers = { 'x-countersign-csrf': session.csrf };
      await callJson<Freeze>('/v1/freezes', { method: 'POST', body, headers });
      const sentence = `${agent} is frozen. Two people must lift it: countersign unfreeze agent ${agent}`;
      setTold({ tone: 'good', sentence });
      return true;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (error.status === 401) over();
      const again = error.isPassing ? ' Not frozen yet: press again. Nothing happens twice.' : '';
      setTold({ tone: error.isPassing ? 'warn' : 'calm', sentence: `${error.message}${again}` });
      return false;
    } finally {
      setSending(false);
    }
  };
  return { told, setTold, isSending, isOver, freeze };
}
