import { defineConfig } from 'vitest/config';

// Not a test: `npm run record-histories` saves what is missing, so that later versions are replayed against it.
export default defineConfig({
  test: {
    include: ['test/replay/record.ts', 'test/replay/record-changes.ts'],
    pool: 'forks',
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
