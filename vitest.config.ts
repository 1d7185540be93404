import { defineConfig } from 'vitest/config';

// What the pure tests cover needs no service; all else shares one set of servers per run, each file under names of its own.
const pure = ['test/unit/**/*.test.ts'];

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { name: 'unit', include: pure, pool: 'forks' } },
      {
        test: {
          name: 'services',
          include: ['test/**/*.test.ts'],
          // Those run on HashiCorp's Vault alone: `npm run test:vault`.
          exclude: [...pure, 'test/vault-lane/**'],
          pool: 'forks',
          globalSetup: ['test/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
