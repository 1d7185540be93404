import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

/** Names of the ways to sign in, as routes refer to them. */
export const PERSON = { person: [] };
/** A person's session cookie, with the CSRF header where something changes. */
export const SESSION = { session: [] };
export const AGENT = { agent: [] };
export const WORKLOAD = { workload: [] };

/** The parts of the OpenAPI document that no route says. */
export const apiDescription: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.1.0',
  info: {
    title: 'Countersign gateway',
    version: '1',
    description:
      'Agents ask for single privileged actions; people decide on them. Errors are Problem Details (RFC 9457) with `code` and `field`. ' +
      'This document is generated from the routes (`npm run openapi`).',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  } as { title: string; version: string },
  servers: [{ url: '/', description: 'This gateway' }],
  tags: [
    { name: 'actions', description: 'Ask, look, wait, withdraw, fetch.' },
    { name: 'decisions', description: 'People only.' },
    { name: 'session', description: 'Signing in to the full view, and out of it.' },
    {
      name: 'incidents',
      description: 'Effects that were not what had been declared, and stolen leases. People only.',
    },
    {
      name: 'alarms',
      description: 'What is wrong with record, ledger or policy, and letting work go on. People only.',
    },
    { name: 'ledger', description: 'The Merkle tree over the record: checkpoints, tiles, and proofs.' },
    { name: 'freezes', description: 'What may not act, and letting it act again. People only.' },
    { name: 'break-glass', description: 'What is owed for broken glasses, and reviewing it. People only.' },
    { name: 'webhooks', description: 'What became of webhooks. People only.' },
    { name: 'operations', description: 'Whether the gateway lives.' },
  ],
  components: {
    securitySchemes: {
      person: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: "A person's OIDC access token." },
      session: {
        type: 'apiKey',
        in: 'cookie',
        name: '__Host-countersign-session',
        description:
          "The full view's session (`countersign-session` without TLS), from the gateway's own pages only. What changes something needs " +
          '`X-Countersign-Csrf` with the `csrf` of `GET /session`, too.',
      },
      workload: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'The OIDC or SPIFFE token of an agent without a key, of an issuer that the gateway is configured with.',
      },
      agent: {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description:
          '`Countersign-Agent <JWT>`: an EdDSA JWT by the agent’s directory key (`kid` is `agent/<id>`), with `iss` and `sub` the agent, ' +
          '`aud` the gateway’s public URL, `iat`, `exp` at most 60 s later, `jti`, and `htm` and `htu` as in RFC 9449; good for one request.',
      },
    },
  },
};
