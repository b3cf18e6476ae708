import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// A GPU in software, for the webgpu backend: Debian's chromium brings it.
const softwareGpu = '/usr/lib/chromium/vk_swiftshader_icd.json';

// Packages are imported from their sources through the '@maehem/source' export condition,
// so that tests need no build and coverage points at TypeScript.
export default defineConfig({
  resolve: { conditions: ['@maehem/source'] },
  ssr: { resolve: { conditions: ['@maehem/source'] } },
  test: {
    include: ['{packages,apps,tools}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    reporters: ['default', './tools/workspace/summary-reporter.mjs'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    env:
      process.env['VK_ICD_FILENAMES'] === undefined && existsSync(softwareGpu)
        ? { VK_ICD_FILENAMES: softwareGpu }
        : {},
    pool: 'forks',
    maxWorkers: 2,
  },
});
