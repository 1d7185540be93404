import { z } from 'zod';

/** Settings of the development identity provider when it runs as a process of its own. */
export const oidcConfigSchema = z.object({
  COUNTERSIGN_OIDC_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  COUNTERSIGN_OIDC_PORT: z.coerce.number().int().min(1).max(65_535).default(8481).describe('Port to listen on.'),
  COUNTERSIGN_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .default('http://127.0.0.1:8480')
    .describe("The gateway's address: where people are sent back to."),
});
