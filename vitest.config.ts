import { defineConfig } from 'vitest/config';

// What the pure tests cover needs no service; all else shares one set of servers per run, each file under names of its own.
const pure = ['test/unit/**/*.test.ts'];

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      // A busy machine is slow to compile a policy engine; nothing here waits for time.
      { test: { name: 'unit', include: pure, pool: 'forks', testTimeout: 20_000 } },
      {
        test: {
          name: 'services',
          include: ['test/**/*.test.ts'],
          // Those have commands of their own: `npm run test:vault`, `npm run test:playground`.
          exclude: [...pure, 'test/vault-lane/**', 'test/playground/**'],
          pool: 'forks',
          globalSetup: ['test/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
