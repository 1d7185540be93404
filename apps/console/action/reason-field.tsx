import { useId, type ReactNode, type RefObject } from 'react';

interface ReasonFieldProps {
  /** What is asked. */
  label: ReactNode;
  reason: string;
  change: (reason: string) => void;
  /** Lines that show before anybody types. */
  rows: number;
  isRequired?: boolean;
  /** What is wrong with what was typed, read out when it appears. Default: nothing. */
  lack?: string | null;
  /** For who puts the cursor here. */
  field?: RefObject<HTMLTextAreaElement | null>;
}

// As many as the gateway takes.
const REASON_CHARS = 2_000;

/** Where a person says why, in every form that asks. */
export function ReasonField({ label, reason, change, rows, isRequired, lack = null, field }: ReasonFieldProps) {
  const lackId = useId();
  return (
    <>
      <label className="reason">
        <span>{label}</span>
        <textarea
          ref={field}
          rows={rows}
          required={isRequired}
          maxLength={REASON_CHARS}
          value={reason}
          aria-invalid={lack !== null}
          aria-describedby={lack === null ? undefined : lackId}
          onChange={({ target }) => {
            change(target.value);
          }}
        />
      </label>
      {lack === null ? null : (
        <p id={lackId} className="field-error" role="alert">
          {lack}
        </p>
      )}
    </>
  );
}
