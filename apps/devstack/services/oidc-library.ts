import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as OidcLibrary from 'oidc-provider';

/**
 * The provider's library. It speaks to the console, of its runtime already when it is loaded: with a log file (overwritten)
 * its own notices and warnings go there; errors, and what others say, stay on the console.
 */
export async function loadOidcLibrary(logFile: string | undefined): Promise<typeof OidcLibrary> {
  if (logFile !== undefined) {
    mkdirSync(dirname(logFile), { recursive: true });
    writeFileSync(logFile, '');
    divert('info', logFile);
    divert('warn', logFile);
  }
  return import('oidc-provider');
}

function divert(level: 'info' | 'warn', logFile: string): void {
  const speak = console[level];
  console[level] = (...words: unknown[]): void => {
    const [said] = words;
    const isOurs = typeof said === 'string' && said.includes('oidc-provider ');
    // The log goes with its stack; what is said later is not lost for that.
    if (isOurs && existsSync(logFile)) appendFileSync(logFile, `${said}\n`);
    else speak(...words);
  };
}
