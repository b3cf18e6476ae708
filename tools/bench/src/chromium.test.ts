import { fileURLToPath } from 'node:url';
import { inPage, pageUnavailable } from '@maehem/testing/page';
import { describe, expect, it } from 'vitest';
import type { KernelCheck } from './conformance.js';
import type { KernelSizes } from './kernel-case.js';

const missing = pageUnavailable();
const MODULES = { page: fileURLToPath(new URL('./conformance.page.ts', import.meta.url)) };

/** Widths that divide by four and that do not; a browser in software takes a second for a kernel. */
const SIZES: readonly KernelSizes[] = [
  { batch: 2, tokens: 16, dim: 32, heads: 2, patch: 48, classes: 10 },
  { batch: 2, tokens: 5, dim: 6, heads: 3, patch: 27, classes: 7 },
];

describe.skipIf(missing !== undefined)(
  `WebGPU of headless Chromium${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  () => {
    it('has every kernel agree with its reference, and trains as wasm does', {
      timeout: 600_000,
    }, async () => {
      const { description, checks, gpu, wasm } = await inPage(
        { modules: MODULES, isolated: false, webgpu: true },
        async (page) => ({
          checks: await page.evaluate<KernelCheck[]>(`checkKernels(${JSON.stringify(SIZES)})`),
          description: await page.evaluate<string>('describe()'),
          gpu: await page.evaluate<number[]>(`losses('webgpu')`),
          wasm: await page.evaluate<number[]>(`losses('wasm')`),
        }),
      );
      expect(description).toContain('SwiftShader');
      expect(checks.length).toBeGreaterThan(60);
      expect(checks.filter(({ agrees }) => !agrees)).toEqual([]);
      for (const [step, loss] of wasm.entries()) expect(gpu[step]).toBeCloseTo(loss, 5);
      expect(wasm[2]).toBeLessThan(wasm[0]!);
    });
  },
);
