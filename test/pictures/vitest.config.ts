import { defineConfig } from 'vitest/config';

// Not a test: `npm run pictures` takes the pictures of the full view and of the card in Teams for the docs.
export default defineConfig({
  test: { include: ['test/pictures/{take,teams-card}.ts'], pool: 'forks', testTimeout: 60_000 },
});
