import { useEffect, useState } from 'react';

type Copied = 'no' | 'yes' | 'failed';

const WORDS: Record<Copied, string> = { no: 'Copy', yes: 'Copied', failed: 'Not copied' };

/** Puts a text on the clipboard. `what` names it for who does not see the place. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState<Copied>('no');
  useEffect(() => {
    if (copied === 'no') return;
    const timer = setTimeout(setCopied, 2_500, 'no');
    return () => {
      clearTimeout(timer);
    };
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied('yes');
    } catch {
      setCopied('failed');
    }
  };
  return (
    <button type="button" className="quiet" onClick={() => void copy()}>
      <span aria-live="polite">{WORDS[copied]}</span>
      <span className="unseen"> {what}</span>
    </button>
  );
}
