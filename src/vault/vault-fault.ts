import { ServiceFault } from '../core/errors.js';

/** What Vault did not do. Carries no body, no header and no cause: those hold tokens. */
export class VaultFault extends ServiceFault {
  /** HTTP status; null when no answer came. */
  readonly status: number | null;
  /** Vault's own error texts, scrubbed and cut. */
  readonly answers: readonly string[];

  constructor(request: string, status: number | null, answers: readonly string[]) {
    const said = answers.length === 0 ? '' : `: ${answers.join('; ')}`;
    super(
      'vault',
      status === null
        ? `Vault gave no answer to ${request}${said}.`
        : `Vault answered ${request} with ${String(status)}${said}.`,
      isTemporary(status),
    );
    this.status = status;
    this.answers = answers;
  }

  /** Whether Vault said so in its own words. */
  says(pattern: RegExp): boolean {
    return this.answers.some((answer) => pattern.test(answer));
  }
}

/** Removes what may be a secret from a text of Vault's: tokens, and credentials inside connection URLs. */
export function scrub(text: string): string {
  return text
    .replace(/\b(?:hvs|hvb|hvr|s|b|r)\.[A-Za-z0-9_-]{16,}/g, '[redacted]')
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, '$1[redacted]@')
    .replace(/\b(password|secret_id|token)(["']?\s*[=:]\s*)\S+/gi, '$1$2[redacted]')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
}

function isTemporary(status: number | null): boolean {
  return status === null || status === 429 || status === 412 || status >= 500;
}
