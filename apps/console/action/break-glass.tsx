import { useEffect, useRef, useState } from 'react';
import { GLASS_REASON_CHARS } from '../../../src/core/break-glass.js';
import type { Action } from '../api/types.js';
import { Named } from '../parts/people.js';
import { Untrusted } from '../parts/section.js';
import { span } from '../time/words.js';
import { FreshSignIn, useSecondStep } from './decision-form.js';
import { titleOf } from './headline.js';
import { ReasonField } from './reason-field.js';
import type { Deciding } from './use-decision.js';

const TYPED = 'break the glass';

interface BreakGlassProps {
  action: Action;
  deciding: Deciding;
  /** What is shown cannot be decided right now. */
  isBlocked: boolean;
  /** Called once the glass was broken. */
  taken: () => void;
}

/** The way out when it burns, behind a second step. Nothing for whom policy does not let. */
export function BreakGlass({ action, deciding, isBlocked, taken }: BreakGlassProps) {
  const second = useSecondStep(action.actionDigest);
  const { you, plan, state } = action;
  if (state !== 'waiting' || you?.breakGlass?.may !== true || plan?.breakGlass === undefined) return null;
  const lack = you.assurance.why;
  const isDeciding = you.mayDecide || you.mayDeny;
  const send = async (): Promise<void> => {
    second.close();
    if (await deciding.send('break')) taken();
  };
  return (
    <div className="break-glass">
      {lack === null || isDeciding ? null : <FreshSignIn why={lack} />}
      <button type="button" disabled={isBlocked || deciding.isSending || lack !== null} onClick={second.open}>
        Break the glass…
      </button>
      {second.isOpen && !isBlocked && !deciding.isSending ? (
        <ConfirmGlass action={action} deciding={deciding} send={() => void send()} back={second.close} />
      ) : null}
    </div>
  );
}

interface ConfirmGlassProps {
  action: Action;
  deciding: Deciding;
  send: () => void;
  back: () => void;
}

/** What it means, why it must be, and the words typed out: nobody breaks it by a slip of the thumb. */
function ConfirmGlass({ action, deciding, send, back }: ConfirmGlassProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const [typed, setTyped] = useState('');
  const [isShort, setShort] = useState(false);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      shown?.close();
    };
  }, []);
  const isTyped = typed.trim().toLowerCase() === TYPED;
  const submit = () => {
    if (deciding.glassReason.trim().length < GLASS_REASON_CHARS) {
      setShort(true);
      field.current?.focus();
      return;
    }
    if (isTyped) send();
  };
  return (
    <dialog ref={dialog} aria-labelledby="glass-title" aria-describedby="glass-terms" onCancel={back}>
      <form
        className="glass-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <h2 id="glass-title">Break the glass?</h2>
        <p>{titleOf(action)}</p>
        <Terms action={action} />
        {action.breakGlass?.by.map(({ person, reason }) => (
          <Untrusted key={person} whose={`${person}, who breaks it already`}>
            <p className="prose">{reason}</p>
          </Untrusted>
        ))}
        <ReasonField
          field={field}
          rows={3}
          isRequired
          label="What burns, and why it cannot wait"
          reason={deciding.glassReason}
          lack={isShort ? `Say what burns, in at least ${GLASS_REASON_CHARS} characters: everybody is told.` : null}
          change={(text) => {
            deciding.setGlassReason(text);
            setShort(false);
          }}
        />
        <TypedWords typed={typed} change={setTyped} />
        <div className="verdicts">
          <button type="button" onClick={back}>
            Go back
          </button>
          <button type="submit" className="deny" disabled={!isTyped}>
            Break the glass
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** What follows from it, in the order in which it does. */
function Terms({ action: { plan, quorum, breakGlass } }: { action: Action }) {
  if (plan?.breakGlass === undefined) return null;
  const { leaseTtlSeconds, reviewWithinMs } = plan.breakGlass;
  const others = (breakGlass?.open ?? []).reduce((sum, { places }) => sum + places, 0) - 1;
  const missing = quorum?.open.map(({ group, places }) => `${places} of ${group}`).join(' and ') ?? '';
  return (
    <ul id="glass-terms" className="terms">
      <li>
        {others <= 0
          ? 'You are the last who is needed: it runs at once'
          : `Once ${others === 1 ? 'one other person has' : `${others} other people have`} broken it too, it runs at once`}
        , without the review that policy demands{missing === '' ? '' : ` (${missing})`}, with a credential for at most{' '}
        {span(leaseTtlSeconds * 1_000)}.
      </li>
      <li>
        Everybody who is shown this action is told then, and the pager goes off where one is set up: your name, and your
        reason word for word.
      </li>
      <li>
        Within {span(reviewWithinMs)} people of <Named names={plan.stages.map(({ group }) => group)} /> who did not
        break it put on record whether that was justified.
      </li>
      <li>Until they have, nobody can break the glass again, for any action.</li>
    </ul>
  );
}

function TypedWords({ typed, change }: { typed: string; change: (text: string) => void }) {
  return (
    <label className="reason">
      <span>
        Type <strong>{TYPED}</strong> to confirm
      </span>
      <input
        type="text"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        value={typed}
        onChange={({ target }) => {
          change(target.value);
        }}
      />
    </label>
  );
}
