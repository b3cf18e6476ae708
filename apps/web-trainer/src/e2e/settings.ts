import { expect, it } from 'vitest';
import type { Suite } from './site.js';

/** The form, and links that carry it. */
export function settingsTests({ withPage, site }: Suite): void {
  it(
    'tells what settings cost, refuses those that do not hold, and shares them by link',
    { timeout: 300_000 },
    () =>
      withPage({ settings: 'mask.ratio=0.5&model.decoderDepth=2' }, async ({ page }) => {
        await page.locator('#tab-settings').click();
        expect(await page.locator('#set-mask\\.ratio').inputValue()).toBe('0.5');
        expect(await page.locator('.costs').first().textContent()).toMatch(/Parameters\s*149 k/);
        await page.locator('#set-model\\.patchSize').fill('5');
        await page.locator('#set-model\\.patchSize').blur();
        await page.locator('.bad', { hasText: 'does not divide into patches of 5x5' }).waitFor();
        await page.locator('#set-model\\.patchSize').fill('2');
        await page.locator('#set-batch').fill('4096');
        await page.locator('#set-batch').blur();
        await page.locator('.bad', { hasText: 'WebAssembly holds' }).waitFor();
        await page.getByRole('button', { name: 'Share by link' }).click();
        expect(await page.locator('#share-url').inputValue()).toBe(
          `${site().url}#mask.ratio=0.5&model.decoderDepth=2&model.patchSize=2&batch=4096`,
        );
      }),
  );
}
