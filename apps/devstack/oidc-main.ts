import { z } from 'zod';
import { runProcess } from '../run-process.js';
import { examplePeople } from './example.js';
import { startOidc } from './services/oidc.js';

const oidcConfigSchema = z.object({
  COUNTERSIGN_OIDC_HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  COUNTERSIGN_OIDC_PORT: z.coerce.number().int().min(1).max(65_535).default(8481).describe('Port to listen on.'),
  COUNTERSIGN_PUBLIC_URL: z
    .url({ protocol: /^https?$/ })
    .default('http://127.0.0.1:8480')
    .describe("The gateway's address: where people are sent back to."),
});

// For demonstrations only: whoever reaches this identity provider signs in as anybody.
await runProcess(oidcConfigSchema, async (config) =>
  startOidc({
    host: config.COUNTERSIGN_OIDC_HOST,
    port: config.COUNTERSIGN_OIDC_PORT,
    people: await examplePeople(),
    clients: { consoleRedirectUris: [`${config.COUNTERSIGN_PUBLIC_URL}/callback`] },
  }),
);
