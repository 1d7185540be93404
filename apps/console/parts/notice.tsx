import type { ReactNode } from 'react';
import type { Trouble } from '../api/http.js';
import { signInPath } from '../api/session.js';

interface NoticeProps {
  tone: 'calm' | 'warn' | 'bad' | 'good';
  children: ReactNode;
  action?: ReactNode;
}

/** A sentence that somebody should read now. Spoken when it appears. */
export function Notice({ tone, children, action }: NoticeProps) {
  return (
    <div className={`notice notice-${tone}`} role="status">
      <div>{children}</div>
      {action}
    </div>
  );
}

/** What could not be read, whether it is tried again, and a button for who does not want to wait. */
export function TroubleNotice({ trouble, retry }: { trouble: Trouble; retry: () => void }) {
  if (trouble.status === 401) return <SessionOver />;
  const again = (
    <button type="button" onClick={retry}>
      Try again
    </button>
  );
  if (trouble.isPassing) {
    const what = navigator.onLine ? trouble.message : 'You are offline.';
    return (
      <Notice tone="warn" action={again}>
        {what} Trying again by itself.
      </Notice>
    );
  }
  return <Notice tone="calm">{trouble.message}</Notice>;
}

export function SessionOver() {
  return (
    <Notice
      tone="warn"
      action={
        <a className="button" href={signInPath()}>
          Sign in again
        </a>
      }
    >
      Your session is over. What you typed is kept.
    </Notice>
  );
}

/** Room for what is about to come; says so only to who cannot see it. */
export function Waiting({ what }: { what: string }) {
  return (
    <div className="waiting" role="status">
      <span className="unseen">Loading {what}</span>
      <span className="waiting-line" />
      <span className="waiting-line" />
      <span className="waiting-line" />
    </div>
  );
}
