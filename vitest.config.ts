import { defineConfig } from 'vitest/config';

// Packages are imported from their sources through the '@maehem/source' export condition,
// so that tests need no build and coverage points at TypeScript.
export default defineConfig({
  resolve: { conditions: ['@maehem/source'] },
  ssr: { resolve: { conditions: ['@maehem/source'] } },
  test: {
    include: ['{packages,apps,tools}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', './tools/workspace/summary-reporter.mjs'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
