import { useEffect, useState } from 'react';
import { callJson, Trouble } from '../api/http.js';
import { useLive } from '../api/live.js';
import { useSession } from '../api/session.js';
import type { Action, Debt, Debts } from '../api/types.js';
import { Notice } from '../parts/notice.js';
import { ReasonField } from './reason-field.js';

type Verdict = 'justified' | 'unjustified';

interface ReviewGlassProps {
  action: Action;
  debt: NonNullable<NonNullable<Action['breakGlass']>['debt']>;
  reload: () => Promise<Action | undefined>;
}

/** For who may: whether breaking the glass was justified. Everybody else reads whose word it waits for. */
export function ReviewGlass({ action: { actionId }, debt, reload }: ReviewGlassProps) {
  const { session } = useSession();
  const debts = useLive<Debts>('/v1/debts', null);
  const { told, isSending, isOver, review } = useReview(actionId, reload);
  const { reload: look } = debts;
  const given = debt.retrospectives.length;
  useEffect(() => {
    if (given > 0) void look();
  }, [given, look]);
  const mine = debts.value?.debts.find((one) => one.actionId === actionId);
  const may = mine?.mayReview.includes(session.person.id) === true;
  return (
    <>
      {told === null ? null : <Notice tone={told.tone}>{told.sentence}</Notice>}
      {may ? <ReviewForm isOff={isSending || isOver} review={review} /> : <Others debt={mine} />}
    </>
  );
}

function Others({ debt }: { debt: Debt | undefined }) {
  const { session } = useSession();
  if (debt === undefined) return null;
  const broke = debt.by.includes(session.person.id) ? 'You broke it, so you have no say in it. ' : '';
  const who =
    debt.mayReview.length === 0
      ? 'Nobody is left who may review it: policy must name more people.'
      : `Who may review it: ${debt.mayReview.join(', ')}.`;
  return (
    <p className="small">
      {broke}
      {who}
    </p>
  );
}

interface ReviewFormProps {
  isOff: boolean;
  review: (verdict: Verdict, reason: string) => Promise<void>;
}

const CHOICES: readonly (readonly [verdict: Verdict, title: string, words: string])[] = [
  ['justified', 'Justified', 'it could not wait for the review'],
  ['unjustified', 'Not justified', 'opens an incident; what ran stays as it is'],
];

function ReviewForm({ isOff, review }: ReviewFormProps) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [reason, setReason] = useState('');
  return (
    <form
      className="review-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (verdict !== null) void review(verdict, reason.trim());
      }}
    >
      <fieldset>
        <legend>Was it right to break the glass?</legend>
        {CHOICES.map(([value, title, words]) => (
          <label key={value} className="tick">
            <input
              type="radio"
              name="verdict"
              value={value}
              checked={verdict === value}
              onChange={() => {
                setVerdict(value);
              }}
            />
            <span>
              {title} <span className="small">· {words}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <ReasonField rows={3} isRequired label="What you found" reason={reason} change={setReason} />
      <button type="submit" className="approve" disabled={isOff || verdict === null || reason.trim() === ''}>
        Put it on record
      </button>
    </form>
  );
}

interface Told {
  tone: 'good' | 'calm' | 'warn';
  sentence: string;
}

/** Sends it. A person says it once. */
function useReview(actionId: string, reload: () => Promise<unknown>) {
  const { session, over, isOver } = useSession();
  const [isSending, setSending] = useState(false);
  const [told, setTold] = useState<Told | null>(null);
  const review = async (verdict: Verdict, reason: string): Promise<void> => {
    setSending(true);
    try {
      const headers = { 'x-countersign-csrf': session.csrf };
      const path = `/v1/actions/${actionId}/retrospective`;
      const { open } = await callJson<Debt>(path, { method: 'POST', body: { verdict, reason }, headers });
      const rest = open.length === 0 ? 'Nothing is owed for it any more.' : `It waits for ${open.join(' and ')}.`;
      setTold({ tone: 'good', sentence: `Your word is on record. ${rest}` });
      await reload();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (error.status === 401) over();
      const again = error.isPassing ? ' Not on record yet: press again. Nothing happens twice.' : '';
      setTold({ tone: error.isPassing ? 'warn' : 'calm', sentence: `${error.message}${again}` });
    } finally {
      setSending(false);
    }
  };
  return { told, isSending, isOver, review };
}
