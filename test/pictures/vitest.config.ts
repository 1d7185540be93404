import { defineConfig } from 'vitest/config';

// Not a test: `npm run pictures` takes the pictures of the full view, of the card in Teams and of Temporal's UI for the docs.
export default defineConfig({
  test: {
    include: ['test/pictures/{take,teams-card,temporal-ui}.ts'],
    pool: 'forks',
    globalSetup: ['test/global-setup.ts'],
    testTimeout: 60_000,
  },
});
