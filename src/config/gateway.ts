import { z } from 'zod';
import { assuranceConfigSchema } from './assurance.js';
import { commonConfigSchema } from './common.js';
import { slackGatewayConfigSchema } from './slack.js';
import { teamsConfigSchema } from './teams.js';
import { workloadIssuersSchema } from './workload-issuers.js';

// A range of all addresses would let everyone choose the address they are counted under.
const proxySchema = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]).refine((range) => !range.endsWith('/0'));

function isOrigin(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;
}

/** Settings of the gateway. */
export const gatewayConfigSchema = commonConfigSchema
  .extend(slackGatewayConfigSchema.shape)
  .extend(teamsConfigSchema.shape)
  .extend(assuranceConfigSchema.shape)
  .extend({
    COUNTERSIGN_GATEWAY_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
    COUNTERSIGN_GATEWAY_PORT: z.coerce.number().int().min(0).max(65_535).default(8480).describe('Port to listen on.'),
    COUNTERSIGN_PUBLIC_URL: z
      .url({ protocol: /^https?$/ })
      .refine(
        (url) => !url.endsWith('/') && !/[?#]/.test(url),
        'must have no slash at the end, no query and no fragment',
      )
      .default('http://127.0.0.1:8480')
      .describe("The gateway's address as people and agents reach it; agents' tokens name it as audience."),
    COUNTERSIGN_LEDGER_PUBLIC: z
      .stringbool()
      .default(false)
      .describe(
        "Whether the ledger's checkpoints and tiles are served without signing in, for witnesses and monitors. They show how many " +
          'statements there are and the names of the keys that signed them, and none of their content.',
      ),
    COUNTERSIGN_TRUSTED_PROXIES: z
      .string()
      .transform((list) => (list.trim() === '' ? [] : list.split(',').map((range) => range.trim())))
      .refine(
        (ranges) => ranges.every((range) => proxySchema.safeParse(range).success),
        'must be IP addresses or CIDR ranges, separated by commas, and none of all addresses',
      )
      .default([])
      .describe(
        'Addresses or CIDR ranges of the proxies in front of the gateway, separated by commas. Only their `X-Forwarded-For` ' +
          'is believed; it tells whom the rate limits of refusals count.',
      ),
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
    COUNTERSIGN_OIDC_PROMPTER_AUDIENCES: z
      .string()
      .transform((list) => list.split(',').map((audience) => audience.trim()))
      .refine((audiences) => audiences.every((audience) => audience !== ''), 'must be audiences, separated by commas')
      .default(['countersign-prompter'])
      .describe(
        '`aud` of the tokens by which agents prove on whose behalf they ask, separated by commas: client ids for ID tokens, ' +
          'resources for access tokens. Never the audience that people decide with: an agent could then decide for them.',
      ),
    COUNTERSIGN_OIDC_PROMPTER_MAX_AGE_SECONDS: z.coerce
      .number()
      .int()
      .min(60)
      .max(86_400)
      .default(3_600)
      .describe(
        'How long ago (`iat`) such a token may have been issued, whatever its own expiry: an agent that keeps one speaks for ' +
          'its person that long.',
      ),
    COUNTERSIGN_TEMPORAL_UI_ORIGINS: z
      .string()
      .transform((list) => (list.trim() === '' ? [] : list.split(',').map((origin) => origin.trim())))
      .refine(
        (origins) => origins.every(isOrigin),
        'must be origins such as https://temporal.example, separated by commas',
      )
      .default([])
      .describe(
        "Origins of Temporal's UI, separated by commas: its pages alone may have payloads decoded at `<public URL>/codec`, " +
          'by the session of whoever is signed in to the full view.',
      ),
    COUNTERSIGN_CODEC_AUDIENCES: z
      .string()
      .transform((list) => list.split(',').map((audience) => audience.trim()))
      .refine((audiences) => audiences.every((audience) => audience !== ''), 'must be audiences, separated by commas')
      .default(['countersign-temporal-ui'])
      .describe(
        "`aud` of the tokens that Temporal's UI hands on, separated by commas: its client id for ID tokens, a resource for " +
          'access tokens. With them people look at payloads; they can decide nothing.',
      ),
    COUNTERSIGN_WORKLOAD_ISSUERS: workloadIssuersSchema.describe(
      'Issuers of the tokens by which agents without a key come, as a JSON array of `{"name","issuer","jwksUrl"?,"audience",' +
        '"algorithms"?,"maxLifetimeSeconds"?}`; the directory names them by `name`. `jwksUrl` defaults to what the issuer\'s ' +
        'discovery document says, `algorithms` to RS256, ES256 and EdDSA, `maxLifetimeSeconds` to 3600.',
    ),
    COUNTERSIGN_OIDC_CLIENT_ID: z
      .string()
      .min(1)
      .default('countersign-console')
      .describe('Public OIDC client (code flow, PKCE) of the full view; its redirect URI is `<public URL>/callback`.'),
    COUNTERSIGN_GATEWAY_SESSION_KEY: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 random bytes in base64url')
      .optional()
      .describe(
        "Encrypts the full view's session cookies. Needed when several gateways share an address; default: made at start.",
      ),
    COUNTERSIGN_CONSOLE_DIR: z
      .string()
      .min(1)
      .optional()
      .describe('Folder of the built full view; default: where the build puts it, beside the program.'),
    COUNTERSIGN_OPEN_ACTIONS_PER_AGENT: z.coerce
      .number()
      .int()
      .min(1)
      .max(1_000)
      .default(20)
      .describe('How many actions of one agent may be open at once.'),
    COUNTERSIGN_START_SECONDS: z.coerce
      .number()
      .int()
      .min(1)
      .max(3_600)
      .default(15)
      .describe('How often requests are looked for that were put on record while Temporal was away, to start them.'),
  })
  .superRefine((config, context) => {
    const refuse = (name: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [name], message });
    };
    if (config.COUNTERSIGN_OIDC_PROMPTER_AUDIENCES.includes(config.COUNTERSIGN_OIDC_AUDIENCE))
      refuse(
        'COUNTERSIGN_OIDC_PROMPTER_AUDIENCES',
        'must not hold COUNTERSIGN_OIDC_AUDIENCE: an agent could decide with such a token',
      );
    const agents = config.COUNTERSIGN_OIDC_PROMPTER_AUDIENCES;
    if (
      config.COUNTERSIGN_CODEC_AUDIENCES.some(
        (each) => each === config.COUNTERSIGN_OIDC_AUDIENCE || agents.includes(each),
      )
    )
      refuse(
        'COUNTERSIGN_CODEC_AUDIENCES',
        'must hold neither COUNTERSIGN_OIDC_AUDIENCE (Temporal’s UI could decide for people) nor one of ' +
          'COUNTERSIGN_OIDC_PROMPTER_AUDIENCES (agents could read payloads)',
      );
    if (config.COUNTERSIGN_WORKLOAD_ISSUERS.some(({ issuer }) => issuer === config.COUNTERSIGN_OIDC_ISSUER))
      refuse(
        'COUNTERSIGN_WORKLOAD_ISSUERS',
        'must not hold COUNTERSIGN_OIDC_ISSUER: by its issuer a token is a person’s or an agent’s',
      );
  });
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
