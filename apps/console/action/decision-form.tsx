import { useRef, useState } from 'react';
import { signInPath } from '../api/session.js';
import type { Action } from '../api/types.js';
import { Notice } from '../parts/notice.js';
import { ConfirmCritical } from './confirm-critical.js';
import { ReasonField } from './reason-field.js';
import type { Deciding } from './use-decision.js';

interface DecisionFormProps {
  action: Action;
  deciding: Deciding;
  /** What is shown cannot be decided right now. */
  isBlocked: boolean;
  /** Called once a decision was taken: the form goes away. */
  taken: () => void;
}

type Verdict = 'approve' | 'deny';

const ASKED = (
  <>
    Reason{' '}
    <span className="small">
      <span className="dot">· </span>needed to deny
    </span>
  </>
);

/** Approve and deny, with a reason. Whom policy does not let reads why. */
export function DecisionForm({ action, deciding, isBlocked, taken }: DecisionFormProps) {
  const { reason, setReason, isSending } = deciding;
  const [lacksReason, setLacksReason] = useState(false);
  const second = useSecondStep(action.actionDigest);
  const field = useRef<HTMLTextAreaElement>(null);
  const you = action.you;
  const mayApprove = you?.mayDecide !== false;
  const mayDeny = you?.mayDeny !== false;
  const lack = mayApprove || mayDeny ? (you?.assurance.why ?? null) : null;
  const cannot = lack !== null || isBlocked || isSending;
  const criticals = action.flags.filter(({ severity }) => severity === 'critical');

  const decide = async (verdict: Verdict): Promise<void> => {
    if (verdict === 'deny' && reason.trim() === '') {
      setLacksReason(true);
      field.current?.focus();
      return;
    }
    second.close();
    if (await deciding.send(verdict)) taken();
  };
  return (
    <form
      className="decision-form"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      {mayApprove ? null : (
        <p id="why-not" className="why-not">
          {you.why}
        </p>
      )}
      {lack === null ? null : <FreshSignIn why={lack} />}
      {mayApprove || mayDeny ? (
        <ReasonField
          field={field}
          rows={1}
          label={ASKED}
          reason={reason}
          lack={lacksReason ? 'Say why: the agent and its people read it.' : null}
          change={(text) => {
            setReason(text);
            setLacksReason(false);
          }}
        />
      ) : null}
      <div className="verdicts">
        <VerdictButton verdict="deny" isOff={cannot} isBarred={!mayDeny} press={() => void decide('deny')}>
          Deny
        </VerdictButton>
        <VerdictButton
          verdict="approve"
          isOff={cannot}
          isBarred={!mayApprove}
          press={criticals.length > 0 ? second.open : () => void decide('approve')}
        >
          {criticals.length > 0 ? 'Approve…' : 'Approve'}
        </VerdictButton>
      </div>
      {second.isOpen && !cannot ? (
        <ConfirmCritical action={action} flags={criticals} approve={() => void decide('approve')} back={second.close} />
      ) : null}
    </form>
  );
}

interface SecondStep {
  isOpen: boolean;
  open: () => void;
  close: () => void;
}

/** A step towards what it was opened for, and nothing else: another digest closes it. */
export function useSecondStep(actionDigest: string | null): SecondStep {
  const [openedFor, setOpenedFor] = useState<string | null>(null);
  return {
    isOpen: openedFor !== null && openedFor === actionDigest,
    open: () => {
      setOpenedFor(actionDigest);
    },
    close: () => {
      setOpenedFor(null);
    },
  };
}

interface VerdictButtonProps {
  verdict: Verdict;
  /** For now: something is sent, or must be read first. */
  isOff: boolean;
  /** For good: policy does not let this person. */
  isBarred: boolean;
  press: () => void;
  children: string;
}

function VerdictButton({ verdict, isOff, isBarred, press, children }: VerdictButtonProps) {
  return (
    <button
      type="button"
      className={verdict}
      disabled={isOff || isBarred}
      aria-describedby={isBarred ? 'why-not' : undefined}
      onClick={press}
    >
      {children}
    </button>
  );
}

/** What is missing of the sign-in, and the way to it. */
export function FreshSignIn({ why }: { why: string }) {
  return (
    <Notice
      tone="calm"
      action={
        <a className="button" href={signInPath({ fresh: true })}>
          Sign in afresh
        </a>
      }
    >
      {why} You come back here; what you type is kept.
    </Notice>
  );
}
