import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { pauseRun, type Suite, trainTo } from './site.js';

/** Looking inside; and that everybody can. */
export function lookingTests({ withPage }: Suite): void {
  it('shows what the model makes of a picture, and how', { timeout: 300_000 }, () =>
    withPage({}, async ({ page, faults }) => {
      const share = page.locator('#play-share');
      await page.waitForFunction(() => document.querySelector('#play-share')?.textContent === '76 %');
      const patch = page.locator('.patches [aria-pressed="true"]').first();
      await patch.press('Space');
      await page.waitForFunction(() => document.querySelector('#play-share')?.textContent === '73 %');
      await page.locator('#play-ratio').fill('0.5');
      await page.waitForFunction(() => document.querySelector('#play-share')?.textContent === '51 %');
      expect(await share.textContent()).toBe('51 %');
      for (const [ask, shown] of [
        ['attention', '.heat'],
        ['pca', '.pairs'],
        ['neighbours', 'text=Nearest of'],
        ['probe', '#probe'],
      ]) {
        await page.locator(`#ask-${ask}`).click();
        await page.locator(shown!).first().waitFor();
      }
      expect(faults).toEqual([]);
    }),
  );

  it('has no serious accessibility fault in any of its parts, light and dark', { timeout: 300_000 }, () =>
    withPage({}, async ({ page }) => {
      await trainTo(page, 2);
      await pauseRun(page);
      await page.locator('#ask-attention').click();
      await page.locator('.heat').first().waitFor();
      await page.evaluate(axe.source);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        for (const tab of ['look', 'data', 'settings', 'keep']) {
          await page.locator(`#tab-${tab}`).click();
          expect(await seriousFaults(page), `${tab}, ${colorScheme}`).toEqual([]);
        }
      }
    }),
  );
}

async function seriousFaults(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { violations } = await (
      globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      }
    ).axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}
