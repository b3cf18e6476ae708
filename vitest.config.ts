import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// GPUs in software, for the webgpu backend. SwiftShader, which Debian's chromium brings, is the one that tests get;
// llvmpipe of Mesa 24 or newer beside it has half precision and subgroups, for the suites that ask for them by name.
const drivers = '/usr/share/vulkan/icd.d/';
const softwareGpus = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  ...(existsSync(drivers) ? readdirSync(drivers).filter((name) => name.startsWith('lvp_icd')) : []).map(
    (name) => drivers + name,
  ),
].filter(existsSync);

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
      process.env['VK_ICD_FILENAMES'] === undefined && softwareGpus.length > 0
        ? // llvmpipe compiles for four lanes faster than for eight.
          { VK_ICD_FILENAMES: softwareGpus.join(':'), LP_NATIVE_VECTOR_WIDTH: '128' }
        : {},
    pool: 'forks',
    maxWorkers: 2,
  },
});
