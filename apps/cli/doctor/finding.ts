/** What one check found. */
export interface Finding {
  /** What was looked at, e.g. `Vault: transit keys`. */
  what: string;
  /** `warned`: it works, and something should be otherwise. `skipped`: not configured. */
  status: 'ok' | 'warned' | 'failed' | 'unreachable' | 'skipped';
  /** What was found, in a sentence. */
  found: string;
  /** What to do; null where there is nothing to do. */
  advice: string | null;
}

export function ok(what: string, found: string): Finding {
  return { what, status: 'ok', found, advice: null };
}

export function warned(what: string, found: string, advice: string): Finding {
  return { what, status: 'warned', found, advice };
}

export function failed(what: string, found: string, advice: string): Finding {
  return { what, status: 'failed', found, advice };
}

export function unreachable(what: string, found: string, advice: string): Finding {
  return { what, status: 'unreachable', found, advice };
}

export function skipped(what: string, setting: string): Finding {
  return { what, status: 'skipped', found: `not looked at: ${setting} is not set`, advice: null };
}

/** Why a connection failed, without what a driver's error may hold besides. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return error.name === 'TimeoutError' ? 'no answer in time' : error.message;
}
