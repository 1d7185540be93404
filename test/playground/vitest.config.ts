import { defineConfig } from 'vitest/config';

// `npm run test:playground`: a program under terms of its own is fetched and run, so somebody decides to.
export default defineConfig({
  test: {
    include: ['test/playground/**/*.test.ts'],
    pool: 'forks',
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
