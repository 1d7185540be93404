import { z } from 'zod';
import { commonConfigSchema } from './common.js';
import { slackGatewayConfigSchema } from './slack.js';

/** Settings of the gateway. */
export const gatewayConfigSchema = commonConfigSchema.extend(slackGatewayConfigSchema.shape).extend({
  COUNTERSIGN_GATEWAY_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  COUNTERSIGN_GATEWAY_PORT: z.coerce.number().int().min(0).max(65_535).default(8480).describe('Port to listen on.'),
  COUNTERSIGN_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !url.endsWith('/') && !/[?#]/.test(url), 'must have no slash at the end, no query and no fragment')
    .default('http://127.0.0.1:8480')
    .describe("The gateway's address as people and agents reach it; agents' tokens name it as audience."),
  COUNTERSIGN_OIDC_ISSUER: z
    .url({ protocol: /^https?$/ })
    .describe('Issuer of the tokens that people sign in with, exactly as their `iss` has it.'),
  COUNTERSIGN_OIDC_AUDIENCE: z.string().min(1).default('countersign').describe("`aud` of people's access tokens."),
  COUNTERSIGN_OIDC_TOKEN_TYPES: z
    .string()
    .toLowerCase()
    .regex(/^[a-z+.-]+(,[a-z+.-]+)*$/, 'must be token types, separated by commas')
    .transform((types) => types.split(','))
    .default(['at+jwt'])
    .describe(
      "`typ` of people's access tokens, separated by commas; a token that says none counts as `JWT`. Some providers " +
        '(Keycloak, Entra ID, Okta) mark access tokens `JWT`, as they mark ID tokens: list `JWT` only where no ID token has ' +
        'the audience above.',
    ),
  COUNTERSIGN_OIDC_CLIENT_ID: z
    .string()
    .min(1)
    .default('countersign-console')
    .describe(
      'Public OIDC client (code flow, PKCE) of the read-only pages; its redirect URI is `<public URL>/callback`.',
    ),
  COUNTERSIGN_GATEWAY_SESSION_KEY: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 random bytes in base64url')
    .optional()
    .describe(
      "Encrypts the pages' session cookies. Needed when several gateways share an address; default: made at start.",
    ),
  COUNTERSIGN_OPEN_ACTIONS_PER_AGENT: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('How many actions of one agent may be open at once.'),
});
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
