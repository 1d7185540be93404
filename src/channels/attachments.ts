import { Refusal } from '../core/errors.js';
import { sha256Hex } from '../core/json.js';
import { redact } from '../core/redact.js';
import { REQUEST_LIMITS, type ActionRequest } from '../core/schemas/action.js';
import type { StatementBody } from '../core/schemas/statements.js';
import type { Contents } from '../record/contents.js';
import { latest, type Record as ActionRecord } from '../record/record.js';

/** Keeps what agents send beside their requests. */
export interface Attachments {
  /**
   * Redacts a log, keeps it, and puts it on record, once however often it is sent. The request must be on record.
   * @param logs as `requireNamedLogs` let it through.
   * @throws ServiceFault when it could not be kept or recorded: send the same again.
   */
  attachLogs(
    action: { request: ActionRequest; requestDigest: string },
    logs: string,
  ): Promise<StatementBody<'attachment'>>;
}

export function createAttachments({ record, contents }: { record: ActionRecord; contents: Contents }): Attachments {
  return {
    async attachLogs({ request, requestDigest }, logs) {
      const encoder = new TextEncoder();
      // Before anything else: what was sent is nowhere kept.
      const { text, redactions } = redact(logs);
      const stored = encoder.encode(text);
      const body: StatementBody<'attachment'> = {
        kind: 'logs',
        sentSha256: sha256Hex(logs),
        storedSha256: await contents.put(stored),
        bytes: stored.length,
        redactions,
      };
      const { actionId } = request;
      const appended = await record.append([{ kind: 'attachment', actionId, requestDigest, body, key: 'logs' }]);
      return latest(appended, 'attachment')?.body ?? body;
    },
  };
}

/**
 * Takes a body apart: the envelope, and the log beside it.
 * @throws Refusal `field_invalid` when the log is no text.
 */
export function splitBody(sent: unknown): { envelope: unknown; logs: string | null } {
  if (typeof sent !== 'object' || sent === null || !Object.hasOwn(sent, 'logs')) return { envelope: sent, logs: null };
  const { logs, ...envelope } = sent as { logs: unknown };
  if (typeof logs === 'string') return { envelope, logs };
  throw new Refusal('field_invalid', 'logs: must be text', 'logs');
}

/**
 * Whether a log is the one that the signed request names.
 * @throws Refusal naming why not; the message holds nothing of the log.
 */
export function requireNamedLogs({ logs: named }: ActionRequest, logs: string): void {
  const bytes = Buffer.byteLength(logs);
  if (bytes > REQUEST_LIMITS.logBytes) {
    const message = `The log has ${String(bytes)} bytes; at most ${String(REQUEST_LIMITS.logBytes)} are taken.`;
    throw new Refusal('field_invalid', message, 'logs');
  }
  if (named === undefined) throw new Refusal('field_invalid', 'The signed request names no log.', 'logs');
  if (named.sha256 !== sha256Hex(logs) || named.bytes !== bytes) {
    throw new Refusal('digest_mismatch', 'The log is not the one that the signed request names.', 'logs');
  }
}
