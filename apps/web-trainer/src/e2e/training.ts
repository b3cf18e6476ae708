import { expect, it } from 'vitest';
import { learned } from './learning.js';
import { pauseRun, readout, type Suite, trainTo } from './site.js';

/** Start, pause, reload, a killed page, two tabs; and that something is learned. */
export function trainingTests({ withPage, site }: Suite): void {
  it('trains, the loss falls, and a reload goes on at the same step', { timeout: 300_000 }, () =>
    withPage({}, async ({ page, faults }) => {
      await page.getByRole('button', { name: 'Step', exact: true }).click();
      await page.waitForFunction(() => document.querySelector('#readout-loss')?.textContent !== '–');
      const first = await readout(page, 'loss');
      await trainTo(page, 20);
      const step = await pauseRun(page);
      expect(step).toBeGreaterThanOrEqual(20);
      expect(await readout(page, 'loss')).toBeLessThan(0.7 * first);

      await page.reload();
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      expect(await readout(page, 'step')).toBe(step);
      await trainTo(page, step + 1);
      expect(await pauseRun(page)).toBeGreaterThan(step);
      expect(faults).toEqual([]);
    }),
  );

  it('goes on from the last kept step after its process was killed', { timeout: 300_000 }, () =>
    withPage({}, async ({ page, context }) => {
      await trainTo(page, 5);
      const step = await pauseRun(page);
      await trainTo(page, step + 3);
      const session = await context.newCDPSession(page);
      await Promise.race([session.send('Page.crash').catch(() => {}), page.waitForEvent('crash')]);
      const again = await context.newPage();
      await again.goto(site().url);
      await again.getByRole('button', { name: 'Go on' }).waitFor();
      expect(await readout(again, 'step')).toBe(step);
    }),
  );

  it('does not open a run that another tab has open', { timeout: 300_000 }, () =>
    withPage({}, async ({ page, context }) => {
      await trainTo(page, 2);
      await pauseRun(page);
      const other = await context.newPage();
      await other.goto(site().url);
      await other.getByRole('alert').filter({ hasText: 'open in another tab' }).waitFor();
      await other.locator('.mosaic').waitFor();
      expect(await readout(other, 'step')).toBe(0);
    }),
  );

  // In steps, not seconds: docs/browser.md says how long they take. Pictures that nothing is known of are best guessed
  // by the mean picture, and for the first thousand steps that is about what a small model learns.
  it('learns to see: it guesses hidden pixels better than the mean picture does', { timeout: 300_000 }, () =>
    withPage({}, async ({ page }) => {
      const untrained = await learned(page, 40);
      expect(untrained.guess).toBeGreaterThan(2 * untrained.mean);
      await trainTo(page, 1300);
      await pauseRun(page);
      const { guess, mean } = await learned(page, 40);
      expect(guess).toBeLessThan(0.9 * mean);
    }),
  );
}
