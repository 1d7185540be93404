import { createHmac } from 'node:crypto';
import type { Secret } from '../../core/secret.js';

export interface SignedMessage {
  /** The same at each attempt, and at a replay: receivers know by it what they already have. */
  id: string;
  /** Seconds since the epoch, of this attempt. */
  timestampSeconds: number;
  body: string;
}

/**
 * Headers that prove to a receiver who sends, as Standard Webhooks says
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 * @param secrets `whsec_` and base64; each signs.
 */
export function webhookHeaders(
  { id, timestampSeconds, body }: SignedMessage,
  secrets: readonly Secret[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(timestampSeconds);
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.reveal().slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
