import { useCallback, useEffect, useRef, useState } from 'react';
import { callJson, Trouble } from '../api/http.js';
import { useSession } from '../api/session.js';
import type { Action, DecisionAnswer } from '../api/types.js';

export type Verdict = 'approve' | 'deny' | 'break';

/** What came of the last attempt. */
export interface Told {
  tone: 'good' | 'calm' | 'warn';
  sentence: string;
}

export interface Deciding {
  reason: string;
  setReason(reason: string): void;
  isSending: boolean;
  told: Told | null;
  /** What burns, for who breaks the glass. */
  glassReason: string;
  setGlassReason(reason: string): void;
  /** Resolves to whether the decision was taken. */
  send(verdict: Verdict): Promise<boolean>;
}

/** Sends a person's decision on what they were shown. What they type outlives a sign-in on the way. */
export function useDecision(action: Action, reload: () => Promise<Action | undefined>): Deciding {
  const { actionId, actionDigest } = action;
  const { session, over } = useSession();
  const [reason, setReason] = useKept(`reason ${actionId}`);
  const [glassReason, setGlassReason] = useKept(`glass ${actionId}`);
  const [isSending, setSending] = useState(false);
  const [told, setTold] = useState<Told | null>(null);
  const attempt = useRef({ of: '', key: '' });

  const send = useCallback(
    async (verdict: Verdict): Promise<boolean> => {
      const body =
        verdict === 'break'
          ? { decision: 'approve', breakGlass: true, reason: glassReason.trim(), actionDigest }
          : { decision: verdict, reason: reason.trim(), actionDigest };
      const text = JSON.stringify(body);
      // The same again, after a failure, is the same decision.
      if (attempt.current.of !== text) attempt.current = { of: text, key: newKey() };
      const headers = { 'x-countersign-csrf': session.csrf, 'idempotency-key': attempt.current.key };
      setSending(true);
      setTold(null);
      try {
        const path = `/v1/actions/${actionId}/decision`;
        const answer = await callJson<DecisionAnswer>(path, { method: 'POST', body, headers });
        (verdict === 'break' ? setGlassReason : setReason)('');
        const now = await reload();
        const lost = verdict !== 'deny' && answer.state === 'denied' ? quicker(now, session.person.id) : null;
        setTold(lost ?? { tone: 'good', sentence: sentenceOf(verdict, answer) });
        return true;
      } catch (error) {
        if (!(error instanceof Trouble)) throw error;
        if (error.status === 401) over();
        // What stands may be another than was shown: somebody else decided, or the review opened again.
        const now = error.isPassing ? undefined : await reload();
        setTold((LATE.has(error.code) ? quicker(now, session.person.id) : null) ?? toldOf(error));
        return false;
      } finally {
        setSending(false);
      }
    },
    [actionId, actionDigest, reason, glassReason, session, setReason, setGlassReason, reload, over],
  );
  return { reason, setReason, glassReason, setGlassReason, isSending, told, send };
}

function sentenceOf(verdict: Verdict, { state, open, glass = [] }: DecisionAnswer): string {
  if (verdict === 'deny') return 'You denied it. Nothing runs.';
  if (state === 'denied') return 'It was denied: nothing runs.';
  const others = (verdict === 'break' ? glass : open)
    .map(({ group, places }) => `${places} more of ${group}`)
    .join(' and ');
  if (verdict === 'break')
    return state === 'filled'
      ? 'You broke the glass. It is about to run.'
      : `You broke the glass. It runs once ${others} did.`;
  return state === 'filled' ? 'You approved it. It is about to run.' : `You approved it. It waits for ${others}.`;
}

/** How the gateway refuses a decision that comes after the deciding one. */
const LATE: ReadonlySet<string> = new Set(['action_closed', 'already_decided', 'run_mismatch']);

/** Somebody else decided in the meantime. */
function quicker(now: Action | undefined, me: string): Told | null {
  const others = now?.decisions.filter(({ current, person }) => current && person !== me) ?? [];
  const last = others.find(({ decision }) => decision === 'deny') ?? others.at(-1);
  if (last === undefined) return null;
  const what = last.decision === 'approve' ? 'approved' : 'denied';
  return { tone: 'calm', sentence: `${last.person} already ${what} it. Your decision was not needed.` };
}

function toldOf(trouble: Trouble): Told {
  if (trouble.isPassing)
    return { tone: 'warn', sentence: `${trouble.message} Not decided yet: press again. Nothing happens twice.` };
  return { tone: 'calm', sentence: trouble.message };
}

// Not crypto.randomUUID: browsers have it on secure origins only.
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A text that this tab keeps until it is emptied. */
function useKept(name: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => sessionStorage.getItem(name) ?? '');
  useEffect(() => {
    if (text === '') sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  }, [name, text]);
  return [text, setText];
}
