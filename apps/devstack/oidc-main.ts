import { runProcess } from '../run-process.js';
import { examplePeople } from './example.js';
import { oidcConfigSchema } from './oidc-settings.js';
import { startOidc } from './services/oidc.js';

// For demonstrations only: whoever reaches this identity provider signs in as anybody.
await runProcess(oidcConfigSchema, async (config) =>
  startOidc({
    host: config.COUNTERSIGN_OIDC_HOST,
    port: config.COUNTERSIGN_OIDC_PORT,
    people: await examplePeople(),
    clients: { consoleRedirectUris: [`${config.COUNTERSIGN_PUBLIC_URL}/callback`] },
  }),
);
