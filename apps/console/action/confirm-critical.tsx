import { useEffect, useRef } from 'react';
import type { Flag } from '../../../src/core/schemas/action.js';
import type { Action } from '../api/types.js';
import { Flags } from './flag-list.js';
import { titleOf } from './headline.js';

interface ConfirmCriticalProps {
  action: Action;
  flags: readonly Flag[];
  approve: () => void;
  back: () => void;
}

/** The second, deliberate step before something critical is approved. */
export function ConfirmCritical({ action, flags, approve, back }: ConfirmCriticalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      shown?.close();
    };
  }, []);
  const risks = flags.length === 1 ? 'a critical risk' : `${flags.length} critical risks`;
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onCancel={back}>
      <h2 id="confirm-title">Approve with {risks}?</h2>
      <p>{titleOf(action)}</p>
      <Flags flags={flags} />
      <div className="verdicts">
        <button type="button" autoFocus onClick={back}>
          Go back
        </button>
        <button type="button" className="approve" onClick={approve}>
          Approve all the same
        </button>
      </div>
    </dialog>
  );
}
