import { z } from 'zod';
import { Secret } from '../core/secret.js';
import { receiverList, receiverUrl } from './receivers.js';

const ENDPOINTS = 20;

/** A key as the Standard Webhooks specification writes it: `whsec_` and 24 to 64 bytes in base64. */
const secretSchema = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'must be whsec_ and base64')
  .refine((text) => {
    const bytes = Buffer.from(text.slice('whsec_'.length), 'base64').length;
    return bytes >= 24 && bytes <= 64;
  }, 'must hold 24 to 64 bytes');

const endpointSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens'),
  url: receiverUrl,
  secret: z.union([secretSchema, z.array(secretSchema).min(1).max(2)]),
});

/** Settings of the webhook channel: worker and notary. */
export const webhooksConfigSchema = z.object({
  COUNTERSIGN_WEBHOOKS: receiverList(endpointSchema, {
    most: ENDPOINTS,
    parse: (text) => JSON.parse(text) as unknown,
  }).describe(
    `Receivers of webhooks, at most ${String(ENDPOINTS)}: JSON, \`[{"name": "chat", "url": "https://…", "secret": "whsec_…"}]\`. ` +
      'Two secrets in a list both sign, while a receiver changes from one to the other. Best given as a file.',
  ),
});
export type WebhooksConfig = z.infer<typeof webhooksConfigSchema>;

/** Where webhooks go. */
export interface WebhookEndpoint {
  name: string;
  url: string;
  /** The keys that sign, newest first. */
  secrets: readonly Secret[];
}

export interface WebhookSettings {
  endpoints: readonly WebhookEndpoint[];
  /** Where the payload's link leads; without a slash at its end. */
  publicUrl: string;
}

/**
 * Null: the channel is off.
 * @throws Error naming the setting that is missing although there is a receiver.
 */
export function webhookSettings(
  config: WebhooksConfig & { COUNTERSIGN_PUBLIC_URL?: string | undefined },
): WebhookSettings | null {
  const { COUNTERSIGN_WEBHOOKS: given, COUNTERSIGN_PUBLIC_URL: publicUrl } = config;
  if (given.length === 0) return null;
  if (publicUrl === undefined)
    throw new Error('Webhooks are on (COUNTERSIGN_WEBHOOKS is set); also set COUNTERSIGN_PUBLIC_URL.');
  return {
    endpoints: given.map(({ name, url, secret }) => ({
      name,
      url,
      secrets: [secret].flat().map((text) => new Secret(text)),
    })),
    publicUrl: publicUrl.replace(/\/+$/, ''),
  };
}
