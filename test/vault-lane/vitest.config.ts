import { defineConfig } from 'vitest/config';

// `npm run test:vault`: all that meets Vault, on HashiCorp's own, which knows AWS too. What never asks it runs once, in `npm test`.
const withoutVault = [
  'test/unit/**',
  'test/replay/**',
  'test/workflow/**',
  'test/playground/**',
  'test/e2e/console.test.ts',
  'test/services/siem-sinks.test.ts',
  'test/services/assessing.test.ts',
];

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: withoutVault,
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: ['test/vault-lane/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
