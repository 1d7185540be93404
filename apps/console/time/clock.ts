import { useEffect, useState } from 'react';

const clock = { aheadMs: 0 };

/** A phone's clock may be wrong; what counts down is the gateway's. The header tells whole seconds. */
export function noteServerTime(date: string | null): void {
  const atMs = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(atMs)) return;
  const aheadMs = atMs - Date.now();
  clock.aheadMs = Math.abs(aheadMs) > 3_000 ? aheadMs : 0;
}

export function nowMs(): number {
  return Date.now() + clock.aheadMs;
}

/** Now, renewed every second. */
export function useNow(): number {
  const [now, setNow] = useState(nowMs);
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(nowMs());
    }, 1_000);
    return () => {
      clearInterval(timer);
    };
  }, []);
  return now;
}
