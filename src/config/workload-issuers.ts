import { z } from 'zod';
import { nameSchema } from '../core/schemas/primitives.js';

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const issuerSchema = z.strictObject({
  name: nameSchema,
  issuer: z.string().min(1).max(500),
  jwksUrl: z.url().refine(isProtected, 'must be an https address, or an http one of this machine').optional(),
  audience: z.string().min(1).max(500),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default(['RS256', 'ES256', 'EdDSA'])
    .transform((names) => (names.includes('EdDSA') ? [...new Set([...names, 'Ed25519'])] : names)),
  maxLifetimeSeconds: z.int().min(60).max(86_400).default(3_600),
});

const issuersSchema = z
  .array(issuerSchema)
  .max(20)
  .refine(
    (all) => all.every(({ issuer, jwksUrl }) => jwksUrl !== undefined || (URL.canParse(issuer) && isProtected(issuer))),
    'an issuer that is no https address needs a jwksUrl',
  )
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'names must differ')
  .refine((all) => new Set(all.map(({ issuer }) => issuer)).size === all.length, 'issuers must differ');

/** The issuers of tokens by which agents without a key come: a JSON array. */
export const workloadIssuersSchema = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON array' });
      return z.NEVER;
    }
  })
  .pipe(issuersSchema)
  .default([]);

/** Keys that travel in clear could be anybody's. */
function isProtected(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}
