import { expect, it } from 'vitest';
import { pauseRun, readout, type Suite, trainTo } from './site.js';

/** Small enough for software GPUs. */
const TINIEST = 'model.dim=16&model.depth=1&model.heads=2&model.patchSize=7&batch=4&epochs=0.02';

/** WebGPU, wasm with threads and without, and engines that go away. */
export function engineTests({ withPage, site }: Suite): void {
  it('says that the device is gone, and goes on from the last kept step', { timeout: 300_000 }, () =>
    withPage({}, async ({ page }) => {
      await trainTo(page, 3);
      const step = await pauseRun(page);
      await page.evaluate('maehem.trainer().loseDevice()');
      await page.getByRole('alert').filter({ hasText: 'The GPU went away' }).waitFor();
      await page.getByRole('button', { name: `Go on from step ${step}` }).click();
      await page.getByRole('button', { name: 'Pause' }).waitFor();
      await page.waitForFunction(
        (kept) => Number(document.querySelector('#readout-step')!.textContent) > kept,
        step,
        { timeout: 300_000 },
      );
    }),
  );

  it('trains in one thread where the page is not isolated, and says why', { timeout: 300_000 }, () =>
    withPage({ blockServiceWorker: true }, async ({ page, context }) => {
      await context.route(site().url, async (route) => {
        const response = await route.fetch();
        const { 'cross-origin-opener-policy': _, ...headers } = response.headers();
        await route.fulfill({ response, headers });
      });
      await page.goto('about:blank');
      await page.goto(`${site().url}#threads=2`);
      await page.locator('.mosaic').waitFor();
      expect(await page.evaluate('crossOriginIsolated')).toBe(false);
      expect(await page.locator('.about').textContent()).not.toContain('threads');
      await page.locator('#tab-settings').click();
      await page
        .locator('.hint', { hasText: 'one thread: this page is not cross-origin isolated' })
        .waitFor();
      await trainTo(page, 2);
    }),
  );

  it('measures the GPU when asked, takes what it found, and forgets it', { timeout: 300_000 }, () =>
    withPage({ gpu: true, settings: TINIEST }, async ({ page, faults }) => {
      await page.locator('#engine').selectOption('webgpu');
      await page.locator('.about', { hasText: 'WebGPU on' }).waitFor();
      await page.locator('.mosaic').waitFor();
      await page.locator('#tab-settings').click();
      await page.getByRole('button', { name: 'Tune for this GPU' }).click();
      await page.getByRole('button', { name: 'Cancel' }).waitFor();
      await page.locator('.tiles', { hasText: /[1-9]\S* % of a step measured/ }).waitFor();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.locator('.notice', { hasText: /\d+ kernels were measured/ }).waitFor();
      await page.locator('.tiles', { hasText: 'This GPU was measured just now' }).waitFor();

      await page.reload();
      await page.locator('.mosaic').waitFor();
      await page.locator('#engine').selectOption('webgpu');
      await page.locator('.about', { hasText: 'its tiles tuned just now' }).waitFor();
      await page.locator('#tab-settings').click();
      await page.getByRole('button', { name: 'Forget' }).click();
      await page.getByRole('button', { name: 'Tune for this GPU' }).waitFor();
      expect(faults).toEqual([]);
    }),
  );

  it('trains on WebGPU where there is one, and survives its loss', { timeout: 300_000 }, () =>
    withPage({ gpu: true, settings: TINIEST }, async ({ page }) => {
      await page.locator('#engine').selectOption('webgpu');
      await page.locator('.about', { hasText: 'WebGPU on' }).waitFor();
      await page.locator('.mosaic').waitFor();
      await page.locator('#tab-settings').click();
      await page.locator('.hint', { hasText: 'No float16: its adapter' }).waitFor();
      await page.locator('#set-batch').fill('1000000');
      await page.locator('#set-batch').blur();
      await page.locator('.bad', { hasText: 'this adapter takes' }).waitFor();
      await page.getByRole('button', { name: 'Back to the recipe' }).click();
      await page.getByRole('button', { name: 'Step', exact: true }).click();
      await page.waitForFunction(
        () => document.querySelector('#readout-step')?.textContent === '1',
        undefined,
        {
          timeout: 300_000,
        },
      );
      expect(await readout(page, 'loss')).toBeGreaterThan(0.5);
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      await page.evaluate('maehem.trainer().loseDevice()');
      await page.getByRole('button', { name: 'Step', exact: true }).click();
      await page.getByRole('alert').filter({ hasText: 'The GPU went away' }).waitFor();
      await page.getByRole('button', { name: 'Go on with wasm' }).click();
      await page.locator('.about', { hasText: 'WebAssembly' }).waitFor();
    }),
  );
}
