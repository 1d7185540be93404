import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

const metadataSchema = z.object({
  resource: z.url().describe("The gateway's public URL."),
  authorization_servers: z.array(z.url()).describe('The identity provider that people sign in at.'),
  bearer_methods_supported: z.array(z.literal('header')),
});

export interface ResourceMetadataOptions {
  publicUrl: string;
  oidc: { issuer: string };
}

/** OAuth 2.0 Protected Resource Metadata (RFC 9728): a client that knows only the gateway's address learns where to sign in. */
export function resourceMetadataRoute(app: FastifyInstance, { publicUrl, oidc }: ResourceMetadataOptions): void {
  // Section 3.1: a path of the resource comes after the well-known one.
  const { pathname } = new URL(publicUrl);
  app.withTypeProvider<ZodTypeProvider>().get(
    pathname === '/' ? WELL_KNOWN : WELL_KNOWN + pathname,
    {
      schema: {
        operationId: 'resourceMetadata',
        summary: 'Where people sign in (RFC 9728)',
        tags: ['operations'],
        security: [],
        response: { 200: metadataSchema },
      },
    },
    async () => ({
      resource: publicUrl,
      authorization_servers: [oidc.issuer],
      bearer_methods_supported: ['header' as const],
    }),
  );
}
