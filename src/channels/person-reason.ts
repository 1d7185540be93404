import { Refusal } from '../core/errors.js';

/** Most characters of a person's reason. */
const REASON_CHARS = 2_000;

/**
 * What a person gave as their reason, fit for the record.
 * @param missing the sentence for who gave none; null where none is needed.
 * @throws Refusal `reason_missing` or `field_invalid`.
 */
export function cleanReason(sent: string, missing: string | null): string {
  // Controls and lone surrogates: the latter have no canonical JSON.
  const reason = sent.replace(/(?![\n\t])\p{Cc}|\p{Cs}/gu, '').trim();
  if (reason === '' && missing !== null) throw new Refusal('reason_missing', missing, 'reason');
  if (reason.length <= REASON_CHARS) return reason;
  throw new Refusal('field_invalid', `A reason has at most ${String(REASON_CHARS)} characters.`, 'reason');
}
